"""The steps of a build, a file each; recipe.py has them in their order."""
