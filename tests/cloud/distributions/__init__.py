"""The users' Python made by each distribution, without a machine: in a copy of this system's files that is
gone afterwards.

overlay.py      that copy: an overlay in which a provisioner runs as on a builder
mirror.py       a web server with an installer and a conda channel
site.py         the shipped manifest for machines that have that server only
standin/        what that installer unpacks: not Miniforge, only what the build and its users ask of it
"""
