"""Launches of tiny machines: all of a hub but the hub itself. A subject a file, in the order of their names.

Most look at one hub that is launched once, for `made` of conftest.py; the last file that asks for it sees its
end. Those that break or destroy something have a domain of their own, `other`.
"""
