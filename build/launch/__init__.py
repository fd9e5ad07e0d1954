"""From an image to a hub that people use: recipe.py is the list of the steps, a file each.

And its end: destroy.py.
"""
