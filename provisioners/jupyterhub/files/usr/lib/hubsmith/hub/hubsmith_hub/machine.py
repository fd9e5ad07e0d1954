"""Limits as a number, or as a share of the machine the hub runs on."""

from __future__ import annotations

import os

_LEAST_PROCESSORS = 0.1


def processors(limit: float | str | None) -> float | None:
    """Processors: 1.5 is 1.5, "75%" is three quarters of those the machine has, None is no limit."""
    if not isinstance(limit, str):
        return limit
    return max(_share(limit) * (os.cpu_count() or 1), _LEAST_PROCESSORS)


def memory(limit: str | None) -> str | int | None:
    """Memory: "2G" stays (JupyterHub reads it), "50%" is half of the machine's in bytes, None is no limit."""
    if limit is None or not limit.endswith("%"):
        return limit
    return int(_share(limit) * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def starts(setting: int | str) -> int:
    """Servers that start at a time: 3 is 3, "100%" is one for each processor of the machine; at least 1."""
    if not isinstance(setting, str):
        return setting
    return max(int(_share(setting) * (os.cpu_count() or 1)), 1)


def _share(limit: str) -> float:
    return float(limit.removesuffix("%")) / 100
