"""Rights: who calls, the sessions of roles, and what their policies and those of users allow.

The account's owner is not judged: callers.py says who that is.
"""
