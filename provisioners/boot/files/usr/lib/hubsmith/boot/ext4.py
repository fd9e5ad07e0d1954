"""What the data volume's ext4 needs so that users cannot lock the hub out: user quotas, and blocks for root.

Both are written by tune2fs, on new and on existing volumes. Quotas are a feature of the file system (ext4's
"quota", with the limits in a hidden inode), which an image without this module mounts as well: its kernel has
the quota_v2 module too. They are added while the volume is not mounted, after e2fsck. A tune2fs that was
killed has written either nothing that counts or everything but the last blocks: the next boot's e2fsck mends
the rest, and the feature is added again where it is missing.

Blocks for root are ext4's reserved blocks. The number is kept in the superblock, where no user can change it.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger("hubsmith-boot")

RESERVED_SHARE = 0.05
MOST_RESERVED_BYTES = 2 * 2**30
MAKE_OPTIONS = ("-O", "quota", "-E", "quotatype=usrquota", "-m", "5")
"""For mkfs.ext4 (mke2fs(8)): a new volume has user quotas from the start."""

_MODULE = Path("/sys/module/quota_v2")
_BUILT_IN = "CONFIG_QFMT_V2=y"


class Ext4Error(Exception):
    """What tune2fs or e2fsck said."""


@dataclass(frozen=True)
class Superblock:
    """The part of dumpe2fs's output that matters here; blocks are counted in the file system's block size."""

    features: frozenset[str]
    has_user_quota: bool  # the hidden file that keeps the limits is there
    block_count: int
    reserved_blocks: int
    block_size: int

    @property
    def enforces(self) -> bool:
        """Are there user quotas, complete?"""
        return "quota" in self.features and self.has_user_quota


def read(device: str) -> Superblock:
    """The superblock of an ext4 file system, mounted or not. Raises Ext4Error."""
    lines = (line.partition(":") for line in _run("dumpe2fs", "-h", device).splitlines())
    fields = {name.strip(): value.strip() for name, _, value in lines}
    return Superblock(
        features=frozenset(fields.get("Filesystem features", "").split()),
        has_user_quota="User quota inode" in fields,
        block_count=int(fields["Block count"]),
        reserved_blocks=int(fields["Reserved block count"]),
        block_size=int(fields["Block size"]),
    )


def kernel_has_quotas() -> bool:
    """Can this kernel mount a volume with quotas? quota_v2 is loaded at boot by modules-load.d, where it is
    not built in.
    """
    config = Path(f"/boot/config-{os.uname().release}")
    return _MODULE.exists() or (config.exists() and _BUILT_IN in config.read_text().splitlines())


def prepare(device: str) -> None:
    """Add quotas before the mount; take them away where the kernel could not mount them. Raises Ext4Error."""
    found = read(device)
    if not kernel_has_quotas():
        log.warning("this kernel has no quota_v2: nobody's use of %s is limited", device)
        if "quota" in found.features:
            _tune(device, "-O", "^quota")
        return
    if not found.enforces:
        log.info("adding user quotas to %s", device)
        check(device, force=True)
        # Without -Q tune2fs would keep accounts of groups too.
        _tune(device, "-O", "quota", "-Q", "usrquota,^grpquota")
        check(device, force=True)
    if not read(device).enforces:
        raise Ext4Error(f"tune2fs added no user quotas to {device}")


def reserve(device: str) -> None:
    """Keep RESERVED_SHARE of the blocks, MOST_RESERVED_BYTES at most, for root. Works on a mounted volume.

    Raises Ext4Error.
    """
    found = read(device)
    wanted = reserved_blocks(found)
    if found.reserved_blocks != wanted:
        _tune(device, "-r", str(wanted))


def reserved_blocks(found: Superblock) -> int:
    """How many blocks root is to keep on a file system of this size."""
    return min(int(found.block_count * RESERVED_SHARE), MOST_RESERVED_BYTES // found.block_size)


def check(device: str, *, force: bool = False) -> None:
    """Mend what e2fsck mends by itself; with ``force`` also a file system that calls itself clean.

    Raises Ext4Error when somebody has to decide.
    """
    command = ["e2fsck", *(["-f"] if force else []), "-p", device]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode > 1:  # 1: mended
        raise Ext4Error((done.stdout + done.stderr).strip()[-400:])


def _tune(device: str, *options: str) -> None:
    _run("tune2fs", *options, device)


def _run(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    if done.returncode != 0:
        told = re.sub(r"\s+", " ", done.stderr or done.stdout).strip()[-400:]
        raise Ext4Error(f"{' '.join(command)} ended with status {done.returncode}: {told}")
    return done.stdout
