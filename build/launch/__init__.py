"""From an image to a hub that people use, and its end: recipe.py and destroy.py list the steps."""
