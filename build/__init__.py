"""Hubsmith: golden JupyterHub machine images, built, tested, launched and renewed by Invoke tasks.

docs/explanation/architecture.md has the map.
"""

VERSION = "0.2.0"
"""Of Hubsmith, as pyproject.toml has it: part of what an image is made of."""
