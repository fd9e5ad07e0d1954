"""Let's Encrypt's place is taken by Pebble, the ACME test server, a child of the cloud's server.

pebble.py         its life: configuration, start, the root it issues from, end
certificates.py   the certificate of its own https, and the CA that made it
"""
