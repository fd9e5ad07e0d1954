"""The network of users' servers: settings, addresses, firewall rules and resolvers.

Pure; `/usr/lib/hubsmith/network` applies them.
"""
