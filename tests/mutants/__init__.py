"""Tests of the image tests: each known mistake, put back on a real machine, has to turn a test red."""
