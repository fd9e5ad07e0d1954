"""The names of the systemd units in which users' servers run, and of the slices that bound them."""

from __future__ import annotations

import re


def unit_name(user: str, server: str = "") -> str:
    """jupyter-ada-singleuser; of the named server lab 2: jupyter-ada-NlabX202-singleuser.

    User names have no capital letters, so no two of these are the same. Only characters that mean the same
    everywhere are used: the name is also that of a folder in /run.
    """
    named = f"-N{_plain(server)}" if server else ""
    return f"jupyter-{_plain(user)}{named}-singleuser"


def slice_name(uid: int) -> str:
    """The slice of all servers of one user, inside jupyter.slice.

    By number: systemd reads each dash as a level (systemd.slice(5)), and the slice of a user `a` would be the
    parent of that of `a-b`.
    """
    return f"jupyter-{uid}.slice"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9_.-]", lambda found: "".join(f"X{byte:02X}" for byte in found[0].encode()), name)
