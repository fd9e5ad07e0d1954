"""What a machine launched from the image was told (launch), and what it tells (progress, parameters).

The system's Python only.
"""
