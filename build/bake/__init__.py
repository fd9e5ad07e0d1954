"""From a base image to a published golden image. Read recipe.py first: it is the list of steps.

What an image is made of, and whether a build is due:

    provisioner_files.py  the files of a provisioner that reach the machine
    fingerprint.py        what provisioners send, as a chain of digests
    builder_version.py    what Hubsmith itself sends: scripts, user data, a recipe number for each step
    inputs.py             all of it, in a form that fits into an image's tags, and what has changed since
    tag_values.py         long values in tags
    scripts.py            the shell scripts of this folder
"""
