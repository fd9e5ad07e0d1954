"""Looking after what was built: listing images, removing what nobody owns.

rebuild.py  is the published image still what a build would make?
diff.py     and if not, what changed
attempts.py failures in a row of scheduled rebuilds; memory.py where they are remembered, counter.py one run among them
schedule/   who keeps the time for them
retention.py which images and layers may go
uses.py     who uses an image: it must not go
images.py   the images of this account, newest first
sweep.py    what a build that died left behind, found by tag
"""
