"""The certificate of a machine with a domain: looked at (pem), got and renewed by certbot (acme), tried again
in time (attempts).
"""
