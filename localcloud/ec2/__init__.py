"""EC2 with real machines: the joints to moto, all of them in this folder.

Start with install.py, which puts our backend and responses in moto's place, when a new moto release breaks
something.
"""
