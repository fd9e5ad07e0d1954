"""From a base image to a published golden image. Read recipe.py first: it is the list of steps."""
