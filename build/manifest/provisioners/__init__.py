"""Provisioners: what a folder of them says of itself, and with which values it is used."""
