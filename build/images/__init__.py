"""Images that are there: list, keep or remove them, and what builds have left; the image tests on a machine
that runs.
"""
