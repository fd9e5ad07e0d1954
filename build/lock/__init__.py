"""`invoke lock`: the packages a manifest asks for, worked out to exact builds with hashes.

    resolve.py       what to ask for and in which order: conda first, then pip within what conda has; read this first
    pip.py           pip's packages, by uv (the one door to it)
    conda.py         conda's packages, by py-rattler in a process of its own
    conda_solver.py  that process
    diff.py          what is another in a new lock
    write.py         the lock as a file

The file's form, and what a build does with it, are in build/manifest/packages/lockfile_format.py and lockfile.py.
"""
