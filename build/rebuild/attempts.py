"""How often in a row a scheduled rebuild has failed: said at the third time, and then not tried at every turn.

What the memory (memory.py) says is: three failures of the same inputs; the fourth attempt comes when something has changed or six days
later, so that a weekly schedule goes on trying. What fails before the inputs are known is tried at every turn, for it costs nothing,
and said again when it fails in another way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LIMIT = 3
PAUSE = timedelta(days=6)
_ERROR_LIMIT = 1000  # characters; a parameter holds 4096


@dataclass(frozen=True)
class Attempts:
    """Failures in a row. Times are ISO 8601 in UTC; ``inputs`` is the digest of what the last attempt was made of, or of its failure."""

    failures: int = 0
    since: str = ""
    tried: str = ""
    inputs: str = ""
    error: str = ""

    def pause(self, inputs: str, now: datetime) -> str | None:
        """Why a scheduled run is not to try at all now; None when it is."""
        if self.failures < LIMIT or inputs != self.inputs:
            return None
        again = datetime.fromisoformat(self.tried) + PAUSE
        if now >= again:
            return None
        first = self.error.splitlines()[0] if self.error else "unknown"
        return (
            f"not tried: failed {self.failures} times since {self.since[:16]} ({first}); again after {again:%Y-%m-%d %H:%M} UTC or a change"
        )

    def failed(self, error: str, inputs: str, now: datetime) -> Attempts:
        """One more."""
        at = now.isoformat(timespec="seconds")
        return Attempts(self.failures + 1, self.since or at, at, inputs, error[:_ERROR_LIMIT])
