"""What a failed test's report says of the machines: the kernel faults on their consoles.

A machine that had ended before the test began is left out: its fault was reported then, or was what an
earlier test wanted.
"""

from __future__ import annotations

import glob
from pathlib import Path

import pytest

from localcloud.machine.qemu.process import pid_of
from localcloud.server.status import kernel_faults

TITLE = "kernel faults on the consoles of machines"
BEGAN = pytest.StashKey[float]()
"""When a test began, in seconds since the epoch."""


def found_below(folder: Path, since: float) -> str:
    """A line for each machine below ``folder`` whose kernel reported a fault; empty where there is none, or
    it ended before ``since``.
    """
    consoles = (console for console in _consoles(folder) if _is_of_now(console, since))
    return "\n".join(
        f"{console.parent.name}: {fault}" for console in consoles for fault in kernel_faults(console)
    )


def _consoles(folder: Path) -> list[Path]:
    """A cloud's machines are in FOLDER/…/machines/i-…; those without a cloud in a test's own folder."""
    patterns = ("i-*/console.log", "*/i-*/console.log", "*/*/i-*/console.log", "*/*/*/i-*/console.log")
    # Path.glob raises where a folder is removed in the middle of it. pytest has links to its newest folders:
    # "cloudcurrent" for "cloud0".
    found = (name for pattern in patterns for name in glob.glob(pattern, root_dir=folder))  # noqa: PTH207
    return sorted({(folder / name).resolve() for name in found})


def _is_of_now(console: Path, since: float) -> bool:
    try:
        return pid_of(console.parent / "pid") is not None or console.stat().st_mtime >= since
    except OSError:
        return False
