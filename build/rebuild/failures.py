"""Failures in a row of scheduled rebuilds: where they are kept; reported at the third, then retried later.

After three failures of the same inputs the next attempt comes when something has changed, or six days later,
so that a weekly schedule goes on trying. What fails before the inputs are known is tried at every turn, for
it costs nothing, and said again when it fails in another way.

A file remembers them until the manifest and its cloud are known, then a Systems Manager parameter beside the
image: runners in a cloud keep no files, but a manifest that cannot be read names no image, and without
credentials no parameter can be asked.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Protocol

from botocore.exceptions import ClientError

from build import paths
from build.aws import parameters
from build.aws.errors import code_of
from build.aws.session import Clients
from build.bake.inputs import fingerprint

LIMIT = 3
PAUSE = timedelta(days=6)
_ERROR_LIMIT = 1000  # characters


@dataclass(frozen=True)
class FailureRecord:
    """Failures in a row.

    Times are ISO 8601 in UTC; ``inputs`` is the digest of what the last attempt was made of, or of its
    failure.
    """

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
            f"not tried: failed {self.failures} times since {self.since[:16]} ({first}); next try after "
            f"{again:%Y-%m-%d %H:%M} UTC, or when an input changes"
        )

    def failed(self, error: str, inputs: str, now: datetime) -> FailureRecord:
        """One more."""
        at = now.isoformat(timespec="seconds")
        return FailureRecord(self.failures + 1, self.since or at, at, inputs, error[:_ERROR_LIMIT])


class FailureStore(Protocol):
    """Of the scheduled runs of one image, or of one command line."""

    def read(self) -> FailureRecord:
        """What was remembered last; nothing where that cannot be read."""

    def write(self, attempts: FailureRecord) -> None:
        """Remember it."""


class NullStore:
    """For a run by hand."""

    def read(self) -> FailureRecord:
        """Nothing."""
        return FailureRecord()

    def write(self, attempts: FailureRecord) -> None:
        """Forget it."""


@dataclass(frozen=True)
class FileStore:
    """On this machine, for one command line: ``words`` are what tells it from others."""

    words: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where it is."""
        return paths.state_dir() / f"rebuild-{fingerprint.digest(list(self.words))[:16]}.failures"

    def read(self) -> FailureRecord:
        """Nothing for somebody else's writing."""
        try:
            return _parsed(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return FailureRecord()

    def write(self, attempts: FailureRecord) -> None:
        """On a full disk it is not: then the failure is said once more."""
        with suppress(OSError):
            self.path.write_text(json.dumps(asdict(attempts)), encoding="utf-8")


@dataclass(frozen=True)
class SsmStore:
    """In the account that builds the image. Raises what botocore raises."""

    clients: Clients
    image: str

    def read(self) -> FailureRecord:
        """Nothing where there is no such parameter."""
        value = parameters.value_of(self.clients, self._name)
        return FailureRecord() if value is None else _parsed(value)

    def write(self, attempts: FailureRecord) -> None:
        """In the place of what was there."""
        value = parameters.as_value(asdict(attempts), shorten="error")
        self.clients.ssm.put_parameter(
            Name=self._name,
            Value=value,
            Type="String",
            Overwrite=True,
            Description="hubsmith: scheduled rebuilds",
        )

    @property
    def _name(self) -> str:
        return f"/hubsmith/{self.image}/rebuild"


def _parsed(text: str) -> FailureRecord:
    try:
        return FailureRecord(**json.loads(text))
    except (ValueError, TypeError):
        return FailureRecord()


class FailureStreak:
    """``before`` is what is remembered of earlier runs."""

    def __init__(self, memory: FailureStore) -> None:
        self._memory = memory
        self._inputs = ""
        self._ends_the_row = False
        self.before = memory.read()

    def go_on(self, memory: FailureStore) -> None:
        """What the first memory is for went well: from now on it is this one that counts.

        Raises what reading it raises.
        """
        before = memory.read()
        self.went_well()
        self.ended()
        self._memory, self.before = memory, before

    @property
    def counts(self) -> bool:
        """Whether anybody remembers it."""
        return not isinstance(self._memory, NullStore)

    def paused(self) -> str | None:
        """Why nothing is said of the failures before this run any more; None when it is."""
        return self.before.pause(self.before.inputs, _now())

    def pause(self, inputs: str) -> str | None:
        """The inputs are known: why nothing is to be tried with them now; None when it is."""
        self._inputs, words = inputs, self.before.pause(inputs, _now())
        self._ends_the_row = words is None
        return words

    def went_well(self) -> None:
        """Unless it fails after all, this run ends a row of failures."""
        self._ends_the_row = True

    def said_already(self, failure: Exception) -> str | None:
        """Why a failure is not said once more: the last ones were like it, before anything could be built.

        None when it is.
        """
        return None if self._inputs else self.before.pause(gist(failure), _now())

    def failed(self, failure: Exception, words: str) -> FailureRecord:
        """Remember that this run has failed; return what is remembered."""
        after = self.before.failed(words, self._inputs or gist(failure), _now())
        self._memory.write(after)
        return after

    def ended(self) -> None:
        """It has not failed."""
        if self.before.failures and self._ends_the_row:
            self.before = replace(self.before, failures=0, since="", error="")
            self._memory.write(self.before)
        self._ends_the_row = False


def gist(failure: Exception) -> str:
    """A digest of what failed: the same for the same cause, whatever numbers or encoded messages it has."""
    if isinstance(failure, ClientError):
        return fingerprint.digest(failure.operation_name, code_of(failure))
    return fingerprint.digest(type(failure).__name__, re.sub(r"\d+", "#", str(failure)))


def _now() -> datetime:
    return datetime.now(timezone.utc)
