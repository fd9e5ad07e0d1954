"""When the idle culler may stop a server (idle_culler_config.py)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

_LATE = 1.1
"""JupyterHub's servers report up to 10 % later than told."""
_RETRIES_S = 60
"""So long a server tries to reach the hub with one report."""


class Arbiter:
    """Says whether a server was idle for too long; nobody's was while the hub cannot know.

    What a hub knows when it comes back is as old as its absence. Servers report every ``reports_every_s``
    seconds, so it waits until each has had the time for it.
    """

    def __init__(self, reports_every_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._informed_s = now_s() + _LATE * reports_every_s + _RETRIES_S

    def __call__(self, *, inactive: timedelta | None, inactive_limit: float, server: object) -> bool:
        """The hook of jupyterhub-idle-culler."""
        if inactive is None or self._now_s() < self._informed_s:
            return False
        return inactive.total_seconds() >= inactive_limit
