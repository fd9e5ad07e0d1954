"""What was made a moment ago: for a while AWS answers as if it were not there.

EC2 and IAM are eventually consistent (EC2 developer guide, "Eventual consistency in the Amazon EC2 API"): a
new id may be unknown to the next call, whichever call that is, or be left out of a list.

- ``creating`` is around every call that makes a thing.
- ``found`` looks once, ``listed`` until it is there: for calls that describe a thing.
- ``retried`` is for calls that use it.
- ``settle`` is for lists by tag before a cleanup: nothing says that something is missing in them.

The middle two are for things that are known to have been made: what never was is reported a minute late.
tests/unit/aws/test_eventual_calls.py goes over the calls of the code.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from botocore.exceptions import ClientError

from build.aws.errors import NOT_THERE, code_of, in_words, is_not_there
from build.aws.wait import INTERVAL_S, wait_until
from build.errors import CloudError

T = TypeVar("T")

NEW_S = 60.0
"""For so long a thing is new. AWS promises no limit; Packer and Terraform wait about as long."""
SETTLED_S = 6.0
"""After that a list has what was made. It is short, as whoever presses Ctrl-C waits for it; what a cleanup
has not seen all the same is found by sweep.
"""


@dataclass
class _Newest:
    """When the newest thing of this process was made, in seconds of the monotonic clock."""

    moment: float = float("-inf")

    def now(self) -> None:
        self.moment = time.monotonic()


_newest = _Newest()


@contextmanager
def creating() -> Iterator[None]:
    """Something is made in the block, so that ``settle`` knows when.

    Also where the call fails, or is interrupted before its answer: it may have been made all the same.
    """
    _newest.now()
    try:
        yield
    finally:
        _newest.now()


def settle(on_wait: Callable[[str], object] = lambda _: None) -> None:
    """Wait until lists have everything that this process has made; at most ``SETTLED_S`` seconds."""
    left_s = _newest.moment + SETTLED_S - time.monotonic()
    if left_s > 0:
        on_wait(f"what was made a moment ago: listed in {left_s:.0f} s")
        time.sleep(left_s)


def found(describe: Callable[[], Sequence[T]]) -> T | None:
    """The first of what a call lists; None while AWS does not know it. Raises what botocore raises."""
    try:
        answer = describe()
    except ClientError as exc:
        if not is_not_there(exc):
            raise
        return None
    return answer[0] if answer else None


def listed(
    describe: Callable[[], Sequence[T]],
    *,
    what: str,
    timeout_s: float = NEW_S,
    on_wait: Callable[[str], object] = lambda _: None,
) -> T:
    """The first of what a call lists, as soon as there is one. Raises CloudError, or what botocore raises."""
    seen = wait_until(
        lambda: found(describe),
        lambda seen: seen is not None,
        what=what,
        describe=lambda _: NOT_THERE,
        timeout_s=timeout_s,
        on_wait=on_wait,
        hint="look for it in the EC2 console; the same command may be run again",
    )
    if seen is None:
        raise CloudError(f"{what} is {NOT_THERE}")
    return seen


def retried(
    call: Callable[[], T],
    *,
    what: str,
    codes: Collection[str] = (),
    timeout_s: float = NEW_S,
    interval_s: float = INTERVAL_S,
    on_wait: Callable[[str], object] = lambda _: None,
) -> T:
    """Make a call that uses a new thing, again while AWS does not know it.

    ``what``: what is waited for, for progress. ``codes``: the answers that mean "not yet"; any that says "not
    there" when none are given, which is right where the call names nothing but new things. A refused call has
    to have changed nothing. Raises what botocore raised last.
    """
    refusals: list[ClientError] = []

    def attempt() -> list[T]:
        try:
            return [call()]
        except ClientError as exc:
            if not (code_of(exc) in codes if codes else is_not_there(exc)):
                raise
            refusals.append(exc)
            return []

    try:
        return wait_until(
            attempt,
            bool,
            what=what,
            describe=lambda _: in_words(refusals[-1]),
            timeout_s=timeout_s,
            interval_s=interval_s,
            on_wait=on_wait,
        )[0]
    except CloudError:
        raise refusals[-1] from None
