"""The server: a process of its own that answers as EC2 and the services beside it, and the commands that
start and end it.
"""
