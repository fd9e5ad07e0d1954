"""Inodes that are kept for the hub: empty files of root's on the data volume.

ext4 reserves blocks for root, but no inodes. A file that is renamed needs none, so a program of root's that
meets a volume without a free inode takes one of these in place of a new file. disk_guard.py frees all of them
at once when users have made too many files, and fills the folder again later. An older image leaves the
folder alone.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

FOLDER = Path("/data/hubsmith/spare")
MOST = 10_000
SHARE = 0.02
"""Of the volume's inodes; MOST at most."""


def wanted(inodes: int) -> int:
    """How many spare files a volume with so many inodes has."""
    return min(MOST, int(inodes * SHARE))


def count() -> int:
    """How many there are."""
    try:
        return sum(1 for _ in os.scandir(FOLDER))
    except FileNotFoundError:
        return 0


def fill(number: int) -> None:
    """Make them up to this number; fewer where the volume has no more inodes."""
    with suppress(OSError):
        FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = {entry.name for entry in os.scandir(FOLDER)}
        for name in map(str, range(number)):
            if name not in there:
                os.close(os.open(FOLDER / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def free() -> int:
    """Remove them all; how many there were."""
    removed = 0
    with suppress(FileNotFoundError):
        for entry in os.scandir(FOLDER):
            with suppress(FileNotFoundError):
                Path(entry.path).unlink()
                removed += 1
    return removed


def create(path: Path, mode: int = 0o600) -> int:
    """Open a file that must not exist, for writing: a new one, or a spare one where no inode is left.

    Raises OSError, as os.open, when there is no spare file on that file system either.
    """
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as exc:
        if exc.errno != errno.ENOSPC or not _take(path):
            raise
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    os.fchmod(descriptor, mode)
    return descriptor


def _take(path: Path) -> bool:
    """Whether a spare file could be moved there; not to another file system."""
    try:
        entries = list(os.scandir(FOLDER))
    except FileNotFoundError:
        return False
    for entry in entries:
        with suppress(OSError):
            Path(entry.path).rename(path)
            return True
    return False
