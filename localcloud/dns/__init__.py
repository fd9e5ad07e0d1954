"""A DNS server on loopback that answers from the Route 53 zones."""
