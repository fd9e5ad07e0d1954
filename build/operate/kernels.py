"""What `invoke kernels` shows: the environments that users made with create-kernel, and whether they work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = ("user", "kernel", "state", "Python", "could not be installed")


def cells(kernel: Mapping[str, Any]) -> Sequence[str]:
    """One row, of what the machine's list-kernels says."""
    return (
        str(kernel["user"]),
        str(kernel["kernel"]),
        str(kernel["state"]),
        str(kernel["python"]),
        " ".join(map(str, kernel["missing"])),
    )
