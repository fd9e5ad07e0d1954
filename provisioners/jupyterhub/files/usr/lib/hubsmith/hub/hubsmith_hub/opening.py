"""When an account may be opened again: while an administrator adds users, and at no other time.

JupyterHub tells its authenticator of users at its start, at first logins and when they are added, by the same
call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_BY_AN_ADMINISTRATOR: ContextVar[bool] = ContextVar("by_an_administrator", default=False)


@contextmanager
def reopening() -> Iterator[None]:
    """Whoever is added in this block, by this task, is let in again."""
    token = _BY_AN_ADMINISTRATOR.set(True)
    try:
        yield
    finally:
        _BY_AN_ADMINISTRATOR.reset(token)


def is_asked_for() -> bool:
    """Is this such a time?"""
    return _BY_AN_ADMINISTRATOR.get()
