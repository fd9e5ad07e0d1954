"""What an image is made of, as digests: what reaches the machine, in a form that fits into tags; and what has
changed.
"""
