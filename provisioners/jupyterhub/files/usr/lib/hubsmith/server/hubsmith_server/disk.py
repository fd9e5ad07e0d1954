"""Whether the user's disk space is used up, as the kernel tells the user themselves.

quotactl(2) wants the block device, which no server sees. quotactl_fd(2), of Linux 5.14, takes a folder, and
everybody may ask it for their own quota.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

from hubsmith_server.message import ERROR, WARNING, Message, amount

NEARLY = 0.9
_NOTHING_BYTES = 2**20
"""Less than this is left: too little to save a notebook with a picture in it."""
_NOTHING_FILES = 1
_QUOTACTL_FD = 443  # of every architecture that Debian has an EC2 image for
_GET_USERS = 0x800007 << 8
_BLOCK = 1024  # QIF_DQBLKSIZE


class _Dqblk(ctypes.Structure):
    """struct if_dqblk of linux/quota.h."""

    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("bhardlimit", "bsoftlimit", "curspace")),
        *((name, ctypes.c_uint64) for name in ("ihardlimit", "isoftlimit", "curinodes", "btime", "itime")),
        ("valid", ctypes.c_uint32),
    )


@dataclass(frozen=True)
class Quota:
    """Limits (0: none) and use."""

    max_bytes: int
    used_bytes: int
    max_files: int
    used_files: int


def quota(folder: Path) -> Quota | None:
    """The caller's own on the file system of a folder; None where there is none."""
    block = _Dqblk()
    library = ctypes.CDLL(None, use_errno=True)
    try:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        arguments = (ctypes.c_uint(_GET_USERS), ctypes.c_uint(os.geteuid()), ctypes.byref(block))
        if library.syscall(ctypes.c_long(_QUOTACTL_FD), ctypes.c_uint(place), *arguments):
            return None
    finally:
        os.close(place)
    return Quota(block.bhardlimit * _BLOCK, block.curspace, block.ihardlimit, block.curinodes)


def messages(home: Path | None = None) -> list[Message]:
    """At most one: what keeps the user from saving, or soon will."""
    folder = home or Path.home()
    found = quota(folder)
    message = _of_quota(found) if found else None
    if message is None and _is_full(folder):
        text = "The hub's disk is full: nothing can be saved. Tell whoever operates this hub."
        message = Message("disk-of-hub-full", ERROR, text)
    return [message] if message else []


def _of_quota(found: Quota) -> Message | None:
    space, files = amount(found.max_bytes), f"{found.max_files:,} files"
    if found.max_bytes and found.max_bytes - found.used_bytes < _NOTHING_BYTES:
        return Message("disk-full", ERROR, f"Your disk space of {space} is used up: nothing can be saved.")
    if found.max_files and found.max_files - found.used_files < _NOTHING_FILES:
        return Message("files-full", ERROR, f"You have {files}, your limit: no new file can be saved.")
    if found.used_bytes > NEARLY * found.max_bytes > 0:
        text = f"Your disk space is nearly used up: {amount(found.used_bytes)} of {space}."
        return Message("disk-nearly-full", WARNING, text)
    if found.used_files > NEARLY * found.max_files > 0:
        text = f"You have nearly as many files as you may have: {found.used_files:,} of {files}."
        return Message("files-nearly-full", WARNING, text)
    return None


def _is_full(folder: Path) -> bool:
    try:
        usage = os.statvfs(folder)
    except OSError:
        return False
    # Some file systems have no number of inodes.
    return not usage.f_bavail or bool(usage.f_files and not usage.f_favail)
