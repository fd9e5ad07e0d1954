"""Roles: the credentials an instance gets, and what they allow.

Everybody else's calls are taken as they come.
"""
