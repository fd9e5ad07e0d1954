"""Rebuilds at set times, by what is there to keep time."""
