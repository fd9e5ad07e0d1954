"""User quotas of the data volume, as the kernel keeps them: quotactl(2) through the C library.

No program of Debian's package `quota` is needed, nor its services: ext4 keeps limits and accounts itself when
it has the feature "quota" (boot/ext4.py adds it).
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path("/data")
BLOCK = 1024
"""Bytes in which limits are counted (QIF_DQBLKSIZE)."""

_USER = 0
_ON, _GET, _SET = 0x800002, 0x800007, 0x800008
_STATE = 0x5805
"""Q_XGETQSTAT (linux/dqblk_xfs.h): it asks for XFS's answer, and ext4 gives it as well."""
_STATE_FLAGS = slice(2, 4)
_ENFORCED = 2
_ALREADY = (errno.EEXIST, errno.EBUSY)
_BLOCK_LIMITS, _INODE_LIMITS = 1, 4
# No quotas on this file system, none in this kernel, no such file system.
_OFF = (errno.ESRCH, errno.ENOSYS, errno.ENOTBLK, errno.ENODEV, errno.ENOENT, errno.EINVAL)


@dataclass(frozen=True)
class Quota:
    """Limits (0: none) and use of one user. The kernel refuses what would exceed a limit, but to root."""

    max_bytes: int
    max_inodes: int
    used_bytes: int = 0
    used_inodes: int = 0


class _Dqblk(ctypes.Structure):
    """struct if_dqblk of linux/quota.h."""

    _fields_ = (
        ("bhardlimit", ctypes.c_uint64),
        ("bsoftlimit", ctypes.c_uint64),
        ("curspace", ctypes.c_uint64),
        ("ihardlimit", ctypes.c_uint64),
        ("isoftlimit", ctypes.c_uint64),
        ("curinodes", ctypes.c_uint64),
        ("btime", ctypes.c_uint64),
        ("itime", ctypes.c_uint64),
        ("valid", ctypes.c_uint32),
    )


def device(mount_point: Path | None = None, mountinfo: str | None = None) -> str | None:
    """The block device that is mounted there (default: the data volume's); None where there is none."""
    place = str(mount_point or DATA)
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8") if mountinfo is None else mountinfo
    found = None
    for line in text.splitlines():
        fields, _, filesystem = line.partition(" - ")
        if fields.split()[4] == place:
            found = filesystem.split()[1]
    return found


def are_on(special: str | None) -> bool:
    """Does the kernel enforce quotas on this device's file system, mounted as it is now?"""
    state = (ctypes.c_ubyte * 256)()
    if special is None or _call(_STATE, special, 0, state):
        return False
    return bool(int.from_bytes(bytes(state)[_STATE_FLAGS], sys.byteorder) & _ENFORCED)


def turn_on(special: str) -> bool:
    """Have the kernel enforce quotas; False where the file system has none.

    Without it a mount only counts: limits are enforced from the mount on where it has the option usrquota,
    which a kernel without quotas would refuse.
    """
    if are_on(special):
        return True
    code = _call(_ON, special, 0, None)
    if code not in (0, *_ALREADY, *_OFF):
        _raise(code, special)
    return are_on(special)


def get(special: str, uid: int) -> Quota:
    """Limits and use of a user. Raises OSError where there are no quotas."""
    block = _Dqblk()
    _raise(_call(_GET, special, uid, block), special)
    return Quota(block.bhardlimit * BLOCK, block.ihardlimit, block.curspace, block.curinodes)


def put(special: str, uid: int, max_bytes: int, max_inodes: int) -> None:
    """Set a user's limits, at once; 0 is none. Raises OSError where there are no quotas."""
    block = _Dqblk(
        bhardlimit=-(-max_bytes // BLOCK), ihardlimit=max_inodes, valid=_BLOCK_LIMITS | _INODE_LIMITS
    )
    _raise(_call(_SET, special, uid, block), special)


def _call(command: int, special: str, uid: int, answer: ctypes.Structure | ctypes.Array[Any] | None) -> int:
    """0 or an errno."""
    library = ctypes.CDLL(None, use_errno=True)
    place = None if answer is None else ctypes.byref(answer)
    done = library.quotactl(
        ctypes.c_int(command << 8 | _USER), os.fsencode(special), ctypes.c_int(uid), place
    )
    return ctypes.get_errno() if done else 0


def _raise(code: int, special: str) -> None:
    if code in _OFF:
        raise OSError(code, f"{special} has no quotas")
    if code:
        raise OSError(code, os.strerror(code), special)
