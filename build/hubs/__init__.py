"""What a hub is: its name and what follows from it, its instances, its lock, its operator's key, what it
serves.
"""
