"""When to try again: Let's Encrypt refuses who fails five times in an hour, and who keeps asking.

The failures are noted beside the certificates, so that neither a reboot nor another machine starts from
nothing.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from hubsmith_machine import files

FAILURES = Path("/etc/letsencrypt/hubsmith-failures.json")
FIRST_PAUSE_S = 20 * 60
LONGEST_PAUSE_S = 6 * 3600
HOUR_S = 3600
MOST_IN_AN_HOUR = 4


def failures(path: Path = FAILURES) -> list[float]:
    """Seconds since 1970 of the failures since the last success, oldest first."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return sorted(float(moment) for moment in found)
    except (OSError, ValueError, TypeError):
        return []


def failed(path: Path = FAILURES) -> None:
    """Note one more."""
    files.write_private(path, json.dumps([*failures(path)[-50:], time.time()]).encode())


def succeeded(path: Path = FAILURES) -> None:
    """Forget them."""
    path.unlink(missing_ok=True)


def pause_s(earlier: list[float], now: float) -> float:
    """Seconds to wait before the next attempt of the timer: 20 minutes after the first failure, twice as long
    after each further.
    """
    if not earlier:
        return 0
    pause: float = min(FIRST_PAUSE_S * 2 ** min(len(earlier) - 1, 10), LONGEST_PAUSE_S)
    # A clock that was set back must not stop it for ever.
    return min(max(earlier[-1] + pause - now, 0), pause)


def may_try(earlier: list[float], now: float) -> bool:
    """A reboot is mostly somebody's hope that now it works; but not for the fifth time in an hour."""
    return sum(now - HOUR_S < moment <= now for moment in earlier) < MOST_IN_AN_HOUR
