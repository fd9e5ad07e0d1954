"""What the hub's operator tells its users, or one of them (/usr/lib/hubsmith/tell writes it)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hubsmith_server.message import INFO, WARNING, Message

FOLDER = Path("/run/hubsmith-messages")
SOON_S = 300
"""So long before a stop it is said again."""


def messages(folder: Path | None = None) -> list[Message]:
    """Those that hold now, of everybody's and of the user's own."""
    place = folder or FOLDER
    now = time.time()
    return [
        _message(each, now)
        for name in ("everyone", str(os.geteuid()))
        for each in _entries(place / f"{name}.json")
        if each["until"] is None or now < each["until"]
    ]


def _message(entry: dict[str, Any], now: float) -> Message:
    stop_at = entry["stop_at"]
    if stop_at is None:
        return Message(entry["id"], INFO, entry["text"])
    soon = stop_at - now < SOON_S
    return Message(entry["id"] + ("-soon" if soon else ""), WARNING, entry["text"], stop_at)


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    """None where the file is not there, or is not of this image."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        yield from (each for each in found if {"id", "text", "until", "stop_at"} <= each.keys())
    except (OSError, ValueError, TypeError, AttributeError):
        return
