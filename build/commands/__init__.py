"""The commands: each parses, calls and prints; what happens is in the other rooms.

The last line on stdout of a task that makes something is the id it made; progress goes to stderr; ``--json``
gives one JSON document on stdout. Exit codes: 0 done, 1 failed, 2 the input is wrong, 3 a build is due (rebuild --check)
or the lock would be another (lock --diff).

command.py  what every command has: its letters, its line in the list
command_line.py  what is looked at before Invoke does: the list, options that a command does not have
choice.py   the options that choose a manifest and a cloud
common.py   what else they share, and the one place where errors become words
images.py   check, plan, build-ami, verify, images
launch.py   launch, destroy
hubs.py     hubs, status, users, ssh, logs, open
lock.py     lock
rebuild.py  rebuild; counting.py what a schedule's runs say of their failures
schedule.py schedule
upkeep.py   sweep, prune
cloud.py    cloud.up, cloud.down, …
cloud_faults.py    cloud.faults
"""
