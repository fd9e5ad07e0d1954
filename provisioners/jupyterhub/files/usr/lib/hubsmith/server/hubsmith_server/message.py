"""A message to the user of a server, as the page gets it."""

from __future__ import annotations

from dataclasses import dataclass

INFO, WARNING, ERROR = "info", "warning", "error"


@dataclass(frozen=True)
class Message:
    """Plain text. A page shows each ``id`` once."""

    id: str
    level: str
    text: str
    stop_at: float | None = None
    """When servers will be stopped, in seconds of the epoch; the page adds it in its own time zone."""


def amount(size: int) -> str:
    """10 GB, 1.5 GB, 512 MB: units as in hub.mem_limit, where 2G are 2 GiB."""
    if size < 2**30:
        return f"{size // 2**20} MB"
    return f"{size / 2**30:.1f}".removesuffix(".0") + " GB"
