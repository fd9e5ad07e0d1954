"""How often in a row a scheduled rebuild has failed: said at the third time, and then not tried at every turn.

Kept in a Systems Manager parameter, because runners in a cloud keep nothing. What the memory says is: three failures of the same
inputs; the fourth attempt comes when something has changed or six days later, so that a weekly schedule goes on trying.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, timezone

from botocore.exceptions import ClientError

from build.aws.refusals import code_of
from build.aws.session import Clients

LIMIT = 3
PAUSE = timedelta(days=6)
_ERROR_LIMIT = 1000  # characters; a parameter holds 4096


@dataclass(frozen=True)
class Attempts:
    """Failures in a row. Times are ISO 8601 in UTC; ``inputs`` is the digest of what the last attempt was made of."""

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


@dataclass
class Counter:
    """One scheduled run: what was before it, and ``inputs``, the digest of what it would build, once that is known."""

    before: Attempts
    inputs: str = ""
    paused: bool = False

    def pause(self, inputs: str) -> str | None:
        """The inputs are known: why nothing is to be tried with them now; None when it is."""
        self.inputs, words = inputs, self.before.pause(inputs, now())
        self.paused = words is not None
        return words

    def said_already(self) -> str | None:
        """Why a failure is not said once more: the last ones were like it, before anything could be built. None when it is."""
        return None if self.inputs else self.before.pause("", now())

    def failed(self, error: str) -> Attempts:
        """What to remember when this run has failed."""
        return self.before.failed(error, self.inputs, now())

    def went_well(self) -> Attempts | None:
        """What to remember when it has not; None: nothing new."""
        return replace(self.before, failures=0, since="", error="") if self.before.failures and not self.paused else None


def read(clients: Clients, image: str) -> Attempts:
    """What is remembered of an image."""
    try:
        return Attempts(**json.loads(clients.ssm.get_parameter(Name=_name(image))["Parameter"]["Value"]))
    except ClientError as exc:
        if code_of(exc) != "ParameterNotFound":
            raise
    except (ValueError, TypeError):  # somebody else's writing
        pass
    return Attempts()


def write(clients: Clients, image: str, attempts: Attempts) -> None:
    """Remember it."""
    value = json.dumps(asdict(attempts))
    clients.ssm.put_parameter(Name=_name(image), Value=value, Type="String", Overwrite=True, Description="hubsmith: scheduled rebuilds")


def now() -> datetime:
    """In UTC."""
    return datetime.now(timezone.utc)


def _name(image: str) -> str:
    return f"/hubsmith/{image}/rebuild"
