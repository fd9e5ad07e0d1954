"""Hubs launched from the golden image of the run: each file is a chapter, and they run in order.

1  launch, https, logins, kernels, a renewed certificate
2  a real browser
3  looking after it: status, verify, open, the role
4  other instances of the same hub: a reboot, a data volume that is missing, an instance that is gone
5  the end of it
6  a hub that has a bad first day: a password that is not there yet, an ACME server that refuses

Screenshots go to the folder that HUBSMITH_SCREENSHOTS names, if it is set. With HUBSMITH_GOLDEN_STATE, the
state folder of an earlier bake, they run without a bake of their own.
"""
