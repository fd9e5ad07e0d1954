"""ssh to an instance: the only room that knows paramiko."""
