"""A DNS server on loopback that answers from the Route 53 zones.

zones.py     moto's Route 53 -> Zone, RecordSet
answers.py   a query and the zones -> the reply: names, wildcards, aliases, delegations; pure
records.py   Route 53's texts of a record -> wire data (dnslib)
server.py    UDP and TCP
asterisk.py  how Route 53 writes the asterisk of a wildcard
"""
