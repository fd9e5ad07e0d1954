"""The commands: each parses, calls and prints; what happens is in the other rooms.

The last line on stdout of a task that makes something is the id it made; progress goes to stderr; ``--json``
gives one JSON document on stdout. Exit codes: 0 done, 1 failed, 2 the input is wrong, 3 a build is due
(rebuild --check) or the lock would be another (lock --diff).
"""
