"""Faults on request: what EC2 does to its customers on a bad day, when a test asks for it.

They are kept in the server's memory only: a restart of the server clears them.
"""
