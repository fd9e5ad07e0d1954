"""A little space kept aside in the state folder, so that a server can start again on a full disk.

It writes its endpoint, its state and Pebble's configuration when it does; without the space it would end at
the first of them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

FILE_NAME = "reserve"
SIZE = 1 << 20  # bytes


def keep(folder: Path) -> None:
    """Set it aside, unless it is there. A disk that has just become full goes without."""
    path = folder / FILE_NAME
    if path.exists():
        return
    with contextlib.suppress(OSError), path.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, SIZE)
        except OSError:
            path.unlink()


def release(folder: Path) -> None:
    """Give it back if there is less left than that."""
    if shutil.disk_usage(folder).free < SIZE:
        (folder / FILE_NAME).unlink(missing_ok=True)
