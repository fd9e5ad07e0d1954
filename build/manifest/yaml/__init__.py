"""YAML with the place of each value, profiles laid over it, and problems in words."""
