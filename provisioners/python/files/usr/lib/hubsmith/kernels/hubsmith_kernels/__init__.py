"""Environments that users make with create-kernel; runs as these users, with the system's Python."""
