"""What a hub is: its name and what follows from it, instances, lock, operator's key, what it serves."""
