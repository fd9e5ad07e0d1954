"""Where things live on this machine, outside the checkout (XDG base directories).

    cache   what can be made again: base images, the remembered KVM probe
    state   what cannot: the local cloud, runs with their logs and records

HUBSMITH_CACHE and HUBSMITH_STATE override them (the tests do).
"""

from __future__ import annotations

import os
from pathlib import Path

from build.errors import UserError


def cache_dir() -> Path:
    """The cache folder, created if absent. Raises UserError where this user may not write."""
    return _folder("HUBSMITH_CACHE", "XDG_CACHE_HOME", ".cache")


def state_dir() -> Path:
    """The state folder, created if absent, readable by its owner only; raises as cache_dir."""
    return _folder("HUBSMITH_STATE", "XDG_STATE_HOME", ".local/state")


def _folder(own: str, xdg: str, default: str) -> Path:
    base = os.environ.get(own)
    folder = Path(base) if base else Path(os.environ.get(xdg) or Path.home() / default) / "hubsmith"
    folder = folder.absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        usable = os.access(folder, os.R_OK | os.W_OK | os.X_OK)
    except OSError:
        usable = False
    if not usable:
        said = f"{own}={base}" if base else str(folder)
        raise UserError(
            f"{said}: not a folder that this user may write to",
            hint=f"{own} names the folder: set it to one of your own",
        )
    return folder
