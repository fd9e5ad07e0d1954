"""What users of the hub may be called: the one rule that the hub, its accounts and the launch data share."""

from __future__ import annotations

import re

USER_NAME = r"[a-z_][a-z0-9_.@-]{0,31}"
"""A whole user name. Linux takes 32 characters (utmp(5)); capital letters would make two names of one."""


def problem(name: str) -> str | None:
    """Why ``name`` cannot be that of a user, in words; None for one that can."""
    if re.fullmatch(USER_NAME, name):
        return None
    return (
        f"{name!r} cannot be a user name: small letters, digits and _.@-, a letter or _ first, 32 "
        "characters at most"
    )
