"""What a hub is: its name and what follows from it, its instances, address, data volume and security group,
its lock, its operator's key, what it serves.
"""
