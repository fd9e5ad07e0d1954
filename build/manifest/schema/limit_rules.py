"""Rules of what users' servers may take, of the machine or of its disk: each returns a complaint, or None."""

from __future__ import annotations

import re

_SHARE = r"([1-9]\d?|100)%"
_FEWEST_PROCESSORS, _LEAST_MEMORY_MIB, _LEAST_DISK_MIB = 0.1, 128, 100


def cpu_limit(value: object) -> str | None:
    """Processors, or a share of the machine's."""
    if isinstance(value, str) and re.fullmatch(_SHARE, value):
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and _FEWEST_PROCESSORS <= float(value) <= 1024:  # type: ignore[arg-type]
        return None
    return (
        "should be a number of processors such as 2.0, or a share of the machine's such as 75% (at least "
        f"{_FEWEST_PROCESSORS}: no server starts with less)"
    )


def starts(value: object) -> str | None:
    """Servers that may start at once, or a share of the machine's processors."""
    if isinstance(value, str) and re.fullmatch(_SHARE, value):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1000:
        return None
    return "should be a number of servers from 1 to 1000, or a share of the machine's processors such as 100%"


def memory(value: str) -> str | None:
    """A notebook server alone takes some 100 MiB."""
    if re.fullmatch(_SHARE, value):
        return None
    amount = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT])", value)
    if not amount:
        return "should be an amount such as 512M or 8G, or a share of the machine's such as 50%"
    mib = float(amount[1]) * {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1 << 20}[amount[2]]
    if mib < _LEAST_MEMORY_MIB:
        return f"should be at least {_LEAST_MEMORY_MIB}M: no server starts with less"
    return None


def disk_limit(value: str) -> str | None:
    """A first start of JupyterLab and a small notebook take some megabytes."""
    amount = re.fullmatch(r"([1-9]\d*)([MGT])", value)
    if not amount:
        return "should be an amount such as 500M or 10G"
    mib = int(amount[1]) * {"M": 1, "G": 1024, "T": 1 << 20}[amount[2]]
    return None if mib >= _LEAST_DISK_MIB else f"should be at least {_LEAST_DISK_MIB}M"
