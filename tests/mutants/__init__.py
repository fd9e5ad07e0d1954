"""Tests of the image tests: each mistake of the walk-through, put back on a real machine, has to turn a test
red.
"""
