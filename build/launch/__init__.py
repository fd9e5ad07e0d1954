"""From an image to a hub that people use, what looks after it, and its end: read recipe.py first, the list of steps."""
