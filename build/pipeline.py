"""Steps in order, cleanup in reverse. Knows nothing of AWS.

A step's cleanup is owed from the moment before it runs, so that a half-done step is cleaned too; a cleanup
that fails neither stops the others nor hides why the run failed.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from types import FrameType
from typing import Generic, TypeVar

from build.errors import CleanupError
from build.report.reporter import Reporter

State = TypeVar("State")

_SWEEP = "run `invoke sweep` to remove what is left"


class OnFailure(Enum):
    """What to do with what a failed run made: remove it, or keep what helps to look into it."""

    CLEANUP = "cleanup"
    KEEP = "keep"


class Step(Generic[State]):
    """One thing that is done, and how it is undone.

    Subclasses say in their docstring which fields of the state they need and which they produce, and undo
    only what they made themselves, by its id.
    """

    title: str = ""
    kept_on_failure = False
    """Whether ``OnFailure.KEEP`` leaves alone what this step made."""
    makes_product = False
    """Whether what it made is the result of the run: cleaned up only when the run fails."""

    def run(self, state: State) -> None:
        """Do it. Raises HubsmithError."""
        raise NotImplementedError

    def cleanup(self, state: State) -> None:
        """Undo what ``run`` made. Runs even if ``run`` raised half-way."""

    def is_kept(self, state: State) -> bool:
        """Whether ``OnFailure.KEEP`` leaves alone what this step made, as far as the run has come."""
        return self.kept_on_failure


class Interrupted(KeyboardInterrupt):
    """SIGINT, SIGTERM or SIGHUP arrived; its name is the argument."""


class Runner(Generic[State]):
    """Runs steps; cleans up in reverse, whatever happened."""

    def __init__(self, report: Reporter, on_failure: OnFailure = OnFailure.CLEANUP) -> None:
        self._report = report
        self._on_failure = on_failure

    def run(self, steps: Sequence[Step[State]], state: State) -> None:
        """Run ``steps`` in order, then every started step's cleanup in reverse.

        Raises: what the failing step raised; CleanupError when the run was fine but something is left behind.
        """
        started: list[Step[State]] = []
        failure: BaseException | None = None
        with interruptible(self._report):
            try:
                for step in steps:
                    started.append(step)
                    with self._report.step(step.title):
                        step.run(state)
            except BaseException as exc:
                failure = exc
            leftovers = self._clean(started, state, failed=failure is not None)
        if failure is not None:
            for leftover in leftovers:
                self._report.warn(leftover)
            if leftovers:
                self._report.warn(_SWEEP)
            raise failure
        if leftovers:
            raise CleanupError("not removed:\n" + "\n".join(leftovers), hint=_SWEEP)

    def _clean(self, started: Sequence[Step[State]], state: State, *, failed: bool) -> list[str]:
        leftovers: list[str] = []
        with self._report.cleaning():
            for step in reversed(started):
                if type(step).cleanup is Step.cleanup or self._stays(step, state, failed=failed):
                    continue
                try:
                    with self._report.step(f"clean up after: {step.title}"):
                        step.cleanup(state)
                except Exception as exc:
                    leftovers.append(f"cleanup after '{step.title}' failed: {exc}")
        return leftovers

    def _stays(self, step: Step[State], state: State, *, failed: bool) -> bool:
        if not failed:
            return step.makes_product
        return self._on_failure is OnFailure.KEEP and step.is_kept(state)


@contextmanager
def interruptible(report: Reporter) -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGHUP raises Interrupted; later ones only say that cleanup is running."""
    seen: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        seen.append(number)
        if len(seen) > 1:
            report.note("already stopping: removing what was made, please wait")
            return
        raise Interrupted(signal.Signals(number).name)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
