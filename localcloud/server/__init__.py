"""The server: a process that answers as EC2 and the services beside it, and the commands around it."""
