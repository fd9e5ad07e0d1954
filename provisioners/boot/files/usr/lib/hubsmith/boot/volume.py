"""The data volume: found by its serial, formatted if blank, mounted at /data and over what is to last.

Before the mount it gets user quotas, and after it blocks for root (ext4.py). An earlier image mounts it as
well.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from boot import ext4, mounts
from hubsmith_machine.launch import Launch

log = logging.getLogger("hubsmith-boot")

LABEL = "hubsmith-data"
PATIENCE_S = 600
_MESSAGE_EVERY_S = 60
_MARK = b"hubsmith is formatting this volume\n"  # in the first 512 bytes, which ext4 leaves alone
_MARGIN = 2**20  # bytes at either end that have to be zeros in a blank volume
_GIB = 2**30


class VolumeError(Exception):
    """Why the data volume cannot be used, and what to do."""


@dataclass(frozen=True)
class Disk:
    """What is on a disk, as far as it matters here."""

    signatures: tuple[str, ...]  # types that wipefs knows, partition tables included
    label: str | None
    has_partitions: bool
    ends_are_zero: bool
    is_marked: bool  # an earlier boot began to format it


def attach(launch: Launch, patience_s: float = PATIENCE_S) -> str | None:
    """Mount the data volume, if this machine has one; what was done in words.

    Raises VolumeError when it cannot be used.
    """
    if launch.volume_id is None:
        return None
    device = _wait(launch.volume_id, patience_s)
    if not mounts.is_mounted(mounts.DATA):
        _prepare(device, launch.volume_id)
    mounts.mount_data(device)
    _run("resize2fs", device)
    _ext4(ext4.reserve, device, launch.volume_id)
    mounts.mount_folders()
    usage = os.statvfs(mounts.DATA)
    free, size = usage.f_bavail * usage.f_frsize / _GIB, usage.f_blocks * usage.f_frsize / _GIB
    return f"{launch.volume_id} ({device}) is at {mounts.DATA}: {free:.1f} of {size:.1f} GiB free"


def is_blank(disk: Disk) -> bool:
    """May it be formatted? Only what was never written to, or what an earlier boot began to format."""
    if disk.signatures or disk.has_partitions:
        return False
    return disk.ends_are_zero or disk.is_marked


def complaint(disk: Disk) -> str | None:
    """Why a disk that is not blank cannot be the data volume; None when it is one."""
    if disk.has_partitions or any(kind in ("dos", "gpt", "PMBR") for kind in disk.signatures):
        return "it has partitions"
    if not disk.signatures:
        return "it has no file system, and is not blank either"
    if disk.signatures != ("ext4",):
        return f"it holds {', '.join(disk.signatures)}"
    if disk.label != LABEL:
        return f"its file system is called {disk.label or 'nothing'}, not {LABEL}"
    return None


def find(volume_id: str) -> str | None:
    """The device with this volume's serial; None while it is not attached."""
    listed = json.loads(_run("lsblk", "--json", "--nodeps", "--paths", "--output", "NAME,SERIAL"))
    serial = volume_id.replace("-", "")
    return next((str(disk["name"]) for disk in listed["blockdevices"] if disk.get("serial") == serial), None)


def _wait(volume_id: str, patience_s: float) -> str:
    deadline, told = time.monotonic() + patience_s, float("-inf")
    while (device := find(volume_id)) is None:
        now = time.monotonic()
        if now > deadline:
            raise VolumeError(
                f"the data volume {volume_id} is not attached to this instance "
                f"(waited {patience_s // 60:.0f} min): attach it"
            )
        if now - told > _MESSAGE_EVERY_S:
            log.info("waiting for the data volume %s to be attached", volume_id)
            told = now
        time.sleep(1)
    return device


def _prepare(device: str, volume_id: str) -> None:
    disk = _look(device)
    if is_blank(disk):
        log.info("%s (%s) is blank: formatting it", volume_id, device)
        _format(device)
    elif problem := complaint(disk):
        raise VolumeError(
            f"the data volume {volume_id} ({device}) is not a hub's: {problem}. It was left as it is; give "
            "a blank volume"
        )
    try:
        ext4.check(device)
    except ext4.Ext4Error as exc:
        raise VolumeError(f"the file system of {volume_id} ({device}) needs e2fsck by hand: {exc}") from exc
    _ext4(ext4.prepare, device, volume_id)


def _ext4(step: Callable[[str], None], device: str, volume_id: str) -> None:
    try:
        step(device)
    except ext4.Ext4Error as exc:
        raise VolumeError(f"{volume_id} ({device}): {exc}") from exc


def _look(device: str) -> Disk:
    found = json.loads(
        _run("wipefs", "--no-act", "--json", "--output", "TYPE,LABEL", device) or '{"signatures": []}'
    )["signatures"]
    children = json.loads(_run("lsblk", "--json", "--output", "NAME", device))["blockdevices"][0].get(
        "children"
    )
    with Path(device).open("rb") as stream:
        first = stream.read(_MARGIN)
        stream.seek(max(stream.seek(0, os.SEEK_END) - _MARGIN, 0))
        last = stream.read(_MARGIN)
    return Disk(
        signatures=tuple(dict.fromkeys(str(one["type"]) for one in found)),
        label=next((one["label"] for one in found if one.get("label")), None),
        has_partitions=bool(children),
        ends_are_zero=not any(first) and not any(last),
        is_marked=first.startswith(_MARK),
    )


def _format(device: str) -> None:
    with Path(device).open("r+b") as stream:
        stream.write(_MARK)
        stream.flush()
        os.fsync(stream.fileno())
    _run("mkfs.ext4", "-q", "-F", "-L", LABEL, *ext4.MAKE_OPTIONS, device)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise VolumeError(
            f"{' '.join(command)} ended with status {done.returncode}: "
            f"{(done.stderr or done.stdout).strip()[-400:]}"
        )
    return done.stdout
