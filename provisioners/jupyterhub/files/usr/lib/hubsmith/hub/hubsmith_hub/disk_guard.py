"""Keeps the hub's share of inodes, whatever the users' limits add up to.

When fewer than LOW of the data volume's inodes are free, every user's limit becomes what the user has now and
a few more (quotas, which no user can change; a project's limit would not do, because the owner of a file may
change its project). Only then the spare files are removed (spare.py), so that their inodes are the hub's. A
user who removes files can make as many new ones. When HIGH are free again, limits and spare files come back.

Blocks need none of this: ext4 reserves some for root (boot/ext4.py).
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from hubsmith_hub import disk_limits, quota, spare

log = logging.getLogger("hubsmith")

LOW, HIGH = 0.05, 0.08
"""Shares of the volume's inodes; below LOW `status` calls the disk BAD."""
ALLOWANCE = 64
"""New files for each user while inodes are short: a notebook server makes some in a home that has none."""
EVERY_S = 1
"""Between two looks, each of which is one call of statvfs. Users who are faster than that take no spare file:
those are removed when nobody can make new files any more."""


def look(data: Path | None = None) -> str | None:
    """Do what the free inodes ask for; what was done in words. Raises OSError, ValueError."""
    folder = data or quota.DATA
    if not os.path.ismount(folder):
        return None
    usage = os.statvfs(folder)
    share = usage.f_ffree / usage.f_files if usage.f_files else 1.0
    if disk_limits.FROZEN.exists():
        return _thaw(usage.f_files) if share > HIGH else None
    if share < LOW:
        return _freeze()
    if share > HIGH and spare.count() < (number := spare.wanted(usage.f_files)):
        spare.fill(number)
    return None


def allowance(spares: int, users: int) -> int:
    """New files for each of so many users: half of the spare files, all together, are the hub's."""
    return min(ALLOWANCE, spares // (2 * users)) if users else ALLOWANCE


def _freeze() -> str | None:
    special = quota.device()
    users = disk_limits.users()
    if special is not None and quota.are_on(special):
        more = allowance(spare.count(), len(users))
        limits = {str(uid): quota.get(special, uid).used_inodes + more for uid in users.values()}
        disk_limits.FROZEN.parent.mkdir(mode=0o755, exist_ok=True)
        disk_limits.FROZEN.write_text(json.dumps(limits), encoding="utf-8")
        disk_limits.apply()
    # Where nothing keeps users from taking these inodes, the spare files stay for programs that rename them.
    removed = spare.free() if disk_limits.FROZEN.exists() else 0
    return (
        f"inodes are short: users' numbers of files are frozen, {removed} spare inodes freed"
        if removed
        else None
    )


def _thaw(inodes: int) -> str:
    # Spare files first: nobody else can have these inodes yet.
    spare.fill(spare.wanted(inodes))
    disk_limits.FROZEN.unlink(missing_ok=True)
    disk_limits.apply()
    return "the data volume has inodes again: users' limits are as usual"
