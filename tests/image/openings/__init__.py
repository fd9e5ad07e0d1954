"""What an ordinary user can do with the machine from a notebook, and which of it is meant.

    paths.py     run in a notebook: what can be written, read or run with another's rights, and devices
    sockets.py   run in a notebook: Unix sockets, buses, network addresses
    others.py    run in a notebook: processes, IPC, keys, and the notebook's own privileges
    survey.py    what root tells them of the machine, and one line "KIND: WHAT" for each opening they find
    rules.py     what is meant, with the reason

The three that run in a notebook know nothing but Python's own library: their text is sent to a kernel.
"""
