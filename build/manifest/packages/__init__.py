"""The users' packages: files beside the manifest that name them, and the lock."""
