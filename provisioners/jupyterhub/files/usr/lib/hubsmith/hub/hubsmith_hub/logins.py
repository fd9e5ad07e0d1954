"""The order of password checks: a flood of wrong ones from one address does not delay other addresses.

An address without recent failures has the one pool of threads, for one attempt at a time. All other attempts
wait until they are due (`attempts`), in a bounded queue where addresses take turns, and go through a small
pool of their own.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from hubsmith_hub.attempts import Attempts, bucket

_MOST_WAITING = 256
_MOST_OF_ADDRESS = 64  # a class logs in at once
_MOST_OF_NAME = 48  # so that guesses at one name leave places to others behind the same address
_MOST_AT_ONCE = 32  # addresses in the first pool, at work or waiting for a thread
_LOOK_AGAIN_S = 0.5  # whether clients that wait have hung up
_SOONEST_RETRY_S, _SLOWEST_RETRY_S = 10, 30
# A wrong login is answered no sooner, so that the time does not tell which names exist.
_FAILURE_TAKES_S = 1.0
_SLOW_THREADS = 2
_NICENESS = 10

Verify = Callable[[], str | None]


class BusyError(Exception):
    """No room for another attempt from this address, or at this name from there."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            f"Too many failed logins from your address are waiting. Try again in {retry_after_s} seconds."
        )
        self.retry_after_s = retry_after_s


class GoneError(Exception):
    """The client hung up before its turn."""


@dataclass(eq=False)
class Attempt:
    """One name and password, to be looked at by calling ``verify``, which gives the user's name or None."""

    address: str
    name: str
    verify: Verify
    has_gone: Callable[[], bool] = lambda: False
    result: asyncio.Future[str | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Logins:
    """``pool`` is for addresses without recent failures; the other one is made here."""

    def __init__(
        self, pool: Executor, attempts: Attempts | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._attempts, self._now = attempts or Attempts(now), now
        self._pool = pool
        # Its threads give way to the hub's others.
        self._slow_pool = ThreadPoolExecutor(
            _SLOW_THREADS, "failed-logins", initializer=lambda: os.nice(_NICENESS) and None
        )
        self._at_once: set[str] = set()
        self._waiting: OrderedDict[str, list[Attempt]] = OrderedDict()
        self._under_way: set[tuple[str, str]] = set()
        self._workers: list[asyncio.Task[None]] = []

    async def check(
        self, address: str, name: str, verify: Verify, has_gone: Callable[[], bool] = lambda: False
    ) -> str | None:
        """The user's name, or None for a wrong login.

        Raises BusyError at once, GoneError when nobody waits for the answer any more.
        """
        started = self._now()
        attempt = Attempt(bucket(address), name, verify, has_gone)
        if self._may_go_first(attempt.address):
            user = await self._go_first(attempt)
        else:
            self._enqueue(attempt)
            user = await attempt.result
        if user is None:
            await asyncio.sleep(started + _FAILURE_TAKES_S - self._now())
        return user

    def _may_go_first(self, address: str) -> bool:
        # A second one at the same time may be the next guess: what comes of the first is not known yet.
        return (
            len(self._at_once) < _MOST_AT_ONCE
            and address not in self._at_once
            and not self._attempts.has_failed(address)
        )

    async def _go_first(self, attempt: Attempt) -> str | None:
        self._at_once.add(attempt.address)
        try:
            return await self._verify(attempt, self._pool)
        finally:
            self._at_once.discard(attempt.address)

    async def _verify(self, attempt: Attempt, pool: Executor) -> str | None:
        try:
            user = await asyncio.get_running_loop().run_in_executor(pool, attempt.verify)
        except Exception:
            self._attempts.failed(attempt.address, attempt.name)
            raise
        (self._attempts.failed if user is None else self._attempts.succeeded)(attempt.address, attempt.name)
        return user

    def _enqueue(self, attempt: Attempt) -> None:
        self._forget_who_has_gone()
        others = self._waiting.get(attempt.address, [])
        if (
            sum(map(len, self._waiting.values())) >= _MOST_WAITING
            or len(others) >= _MOST_OF_ADDRESS
            or sum(other.name == attempt.name for other in others) >= _MOST_OF_NAME
        ):
            raise BusyError(self._retry_after_s(attempt))
        self._waiting.setdefault(attempt.address, []).append(attempt)
        self._workers = [worker for worker in self._workers if not worker.done()]
        if len(self._workers) < _SLOW_THREADS:
            self._workers.append(asyncio.create_task(self._work()))

    def _retry_after_s(self, attempt: Attempt) -> int:
        wait = self._attempts.due(attempt.address, attempt.name) - self._now()
        return min(max(math.ceil(wait), _SOONEST_RETRY_S), _SLOWEST_RETRY_S)

    async def _work(self) -> None:
        """Until nobody waits."""
        while self._waiting:
            self._forget_who_has_gone()
            if attempt := self._take():
                await self._serve(attempt)
            else:
                await asyncio.sleep(self._pause_s())

    async def _serve(self, attempt: Attempt) -> None:
        pair = (attempt.address, attempt.name)
        self._under_way.add(pair)
        try:
            user = await self._verify(attempt, self._slow_pool)
        except Exception as exc:
            _answer(attempt, exc)
        else:
            _answer(attempt, user)
        finally:
            self._under_way.discard(pair)

    def _take(self) -> Attempt | None:
        """The first that is due of the address whose last turn is the longest ago."""
        now = self._now()
        for address, waiting in self._waiting.items():
            for attempt in waiting:
                # Of guesses at one name each waits for what comes of the one before.
                if (address, attempt.name) not in self._under_way and self._attempts.due(
                    address, attempt.name
                ) <= now:
                    self._remove(attempt)
                    return attempt
        return None

    def _pause_s(self) -> float:
        due = (
            self._attempts.due(address, one.name)
            for address, waiting in self._waiting.items()
            for one in waiting
        )
        return min(max(min(due, default=0.0) - self._now(), 0.05), _LOOK_AGAIN_S)

    def _remove(self, attempt: Attempt) -> None:
        waiting = self._waiting[attempt.address]
        waiting.remove(attempt)
        self._waiting.move_to_end(attempt.address)
        if not waiting:
            del self._waiting[attempt.address]

    def _forget_who_has_gone(self) -> None:
        for attempt in [
            one
            for waiting in self._waiting.values()
            for one in waiting
            if one.has_gone() or one.result.done()
        ]:
            self._remove(attempt)
            _answer(attempt, GoneError())


def _answer(attempt: Attempt, outcome: str | Exception | None) -> None:
    with suppress(asyncio.InvalidStateError):  # whoever asked was cancelled
        if isinstance(outcome, Exception):
            attempt.result.set_exception(outcome)
        else:
            attempt.result.set_result(outcome)
