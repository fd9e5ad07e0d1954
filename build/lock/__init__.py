"""`invoke lock`: the packages a manifest asks for, worked out to exact builds with hashes.

Read resolve.py first.

The file's form, and what a build does with it, are in build/manifest/packages/lockfile_format.py and
lockfile.py.
"""
