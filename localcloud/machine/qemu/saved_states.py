"""Saved states of machines, inside their disks: a state fits only the QEMU version and board it is of.

Each is stored under a name that says both ("booted@q35-10.0.13"), so that one that does not fit is recognised
before QEMU tries it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from localcloud.machine.layer_store import run_qemu_img
from localcloud.machine.qemu.spec import Drive

BOARD = "q35"


def stored_name(tag: str, release: str) -> str:
    """The name of a state in the disks of a machine that QEMU ``release`` ("10.0.13") runs."""
    return f"{tag}@{BOARD}-{release}"


def discard_misfits(drives: Sequence[Drive], tag: str, release: str) -> list[str]:
    """Delete the states of this tag when QEMU ``release`` can go on from none of them; their names.

    The machine must not be running.
    """
    kept = {name for drive in drives for name in _names(drive) if name.partition("@")[0] == tag}
    if stored_name(tag, release) in kept:
        return []
    for drive in drives:
        for name in kept.intersection(_names(drive)):
            run_qemu_img("snapshot", "-q", "-d", name, drive.path)
    return sorted(kept)


def _names(drive: Drive) -> list[str]:
    if not drive.path.exists():  # QEMU says so in its own words
        return []
    found: dict[str, Any] = json.loads(run_qemu_img("info", "-U", "--output=json", drive.path))
    return [str(state["name"]) for state in found.get("snapshots", [])]
