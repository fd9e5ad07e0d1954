"""An EC2 endpoint on loopback whose instances are real QEMU machines (README.md has the map).

Of the product beside it this package imports errors, paths and the reader of consoles only; of the product
only commands/ imports it.
"""
