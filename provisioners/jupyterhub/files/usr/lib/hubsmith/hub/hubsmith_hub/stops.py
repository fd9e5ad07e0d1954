"""Why a server was stopped that its user did not stop: kept in its state until it has started again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

KEY = "stopped_because"
"""Of a spawner's state."""
IDLE_CULLER = "idle-culler"
"""The service that stops idle servers, as jupyterhub_config.py names it."""
_BY_ADMINISTRATOR = "by an administrator of this hub"


def reason(who: str, owner: str, last_activity: datetime | None, *, is_service: bool) -> str:
    """In words, for a stop that ``who`` asks for; empty where users stop their own server."""
    if not is_service:
        return "" if who == owner else _BY_ADMINISTRATOR
    if who != IDLE_CULLER:
        return _BY_ADMINISTRATOR
    if last_activity is None:
        return "because nobody used it"
    # JupyterHub keeps times of UTC without saying so.
    last = last_activity if last_activity.tzinfo else last_activity.replace(tzinfo=timezone.utc)
    return f"because nobody used it for {duration((datetime.now(timezone.utc) - last).total_seconds())}"


def in_words(states: Mapping[str, Mapping[str, Any] | None]) -> list[str]:
    """For a user's pages: each server that was stopped, from the states of all by their names."""
    return [
        f"Your server {name + ' ' if name else ''}was stopped {state[KEY]}. Saved files are still there."
        for name, state in sorted(states.items())
        if state and state.get(KEY)
    ]


def duration(seconds: float) -> str:
    """45 minutes, 1 hour, 26 hours, 3 days."""
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        number, unit = minutes, "minute"
    elif minutes < 48 * 60:
        number, unit = round(minutes / 60), "hour"
    else:
        number, unit = round(minutes / 1440), "day"
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
