"""Whose sessions the hub has still to end.

On the hub's own disk, so that they outlive the machine as its database does.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path("/srv/jupyterhub/sessions-to-end")


def put(name: str) -> None:
    """Note that this user's sessions are to end."""
    _FOLDER.mkdir(mode=0o700, exist_ok=True)
    (_FOLDER / name).touch(mode=0o600)


def names() -> set[str]:
    """Whose are to end."""
    return {path.name for path in _FOLDER.iterdir()} if _FOLDER.is_dir() else set()


def clear(name: str) -> None:
    """They have ended."""
    (_FOLDER / name).unlink(missing_ok=True)
