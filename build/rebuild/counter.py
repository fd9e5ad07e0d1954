"""One scheduled run, counted: what was before it, how far it came, what is to be remembered of it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone

from botocore.exceptions import ClientError

from build.aws.errors import code_of
from build.bake.inputs import fingerprint
from build.rebuild.attempts import Attempts
from build.rebuild.memory import Memory, Nowhere


class Counter:
    """``before`` is what is remembered of earlier runs."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._inputs = ""
        self._ends_the_row = False
        self.before = memory.read()

    def go_on(self, memory: Memory) -> None:
        """What the first memory is for went well: from now on it is this one that counts. Raises what reading it raises."""
        before = memory.read()
        self.went_well()
        self.ended()
        self._memory, self.before = memory, before

    @property
    def counts(self) -> bool:
        """Whether anybody remembers it."""
        return not isinstance(self._memory, Nowhere)

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
        """Why a failure is not said once more: the last ones were like it, before anything could be built. None when it is."""
        return None if self._inputs else self.before.pause(gist(failure), _now())

    def failed(self, failure: Exception, words: str) -> Attempts:
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
    """A digest of what failed: the same for the same cause, whatever numbers or encoded messages it is told with."""
    if isinstance(failure, ClientError):
        return fingerprint.digest(failure.operation_name, code_of(failure))
    return fingerprint.digest(type(failure).__name__, re.sub(r"\d+", "#", str(failure)))


def _now() -> datetime:
    return datetime.now(timezone.utc)
