"""What a hub is: its name, resources, lock and operator's key, what it serves and says of its boot."""
