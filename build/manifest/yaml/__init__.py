"""YAML with the place of each value, profiles laid over it, problems in words; and YAML for people."""
