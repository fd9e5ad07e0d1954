"""ssh to an instance: the only room that knows paramiko.

keys.py    ed25519 key pairs made for one run
shell.py   a connection with a pinned host key: run, stream, send
channel.py what comes back from one command
tree.py    a provisioner's files/ folder -> one tar laid over /
caller.py  from which address this machine calls (http)
sight.py   is there a file at an address? (http)
client.py  what the stock ssh client needs (testinfra uses it, and a user who looks into a kept builder)
"""
