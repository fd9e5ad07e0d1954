"""Looking after what was built: listing images, removing what nobody owns.

images.py   the images of this account, newest first
sweep.py    what a build that died left behind, found by tag
"""
