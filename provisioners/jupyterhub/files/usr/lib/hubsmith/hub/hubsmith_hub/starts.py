"""The queue of server starts: a few at a time, first come, first served.

A start keeps a processor busy for many seconds. Where a class starts at once, each start would take as many
times longer, and all of them would exceed their time limit together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Any

HELD_FOR_S = 120
"""A start that takes longer gives its place to the next one, so that a server that hangs holds nobody up. The
start itself goes on."""


class Starts:
    """Starts that hold a place, and those that wait for one; used within one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, asyncio.Future[None]] = {}  # in the order in which they came
        self._held: dict[Hashable, asyncio.TimerHandle] = {}
        self._places = 1

    async def enter(self, start: Hashable, places: int, *, first: bool = False) -> None:
        """Return when ``start`` has one of ``places`` places; `leave` gives it back.

        However long that takes; ``first`` goes before all who wait. A cancelled call leaves the queue.
        """
        self._places = places
        turn = asyncio.get_running_loop().create_future()
        self._waiting = {start: turn, **self._waiting} if first else {**self._waiting, start: turn}
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            self.leave(start)
            raise

    def occupy(self, start: Hashable) -> None:
        """Give ``start`` a place at once, because it is under way already."""
        if start not in self._held:
            self._held[start] = asyncio.get_running_loop().call_later(HELD_FOR_S, self.leave, start)

    def leave(self, start: Hashable) -> None:
        """Give the place back, or stop to wait for one; no effect on a start that does neither."""
        turn = self._waiting.pop(start, None)
        if turn is not None:
            turn.cancel()
        timer = self._held.pop(start, None)
        if timer is not None:
            timer.cancel()
        self._admit()

    def before(self, start: Hashable) -> list[Any] | None:
        """Those who get a place before ``start``; None where it does not wait."""
        order = list(self._waiting)
        return order[: order.index(start)] if start in self._waiting else None

    def _admit(self) -> None:
        while self._waiting and len(self._held) < self._places:
            start = next(iter(self._waiting))
            turn = self._waiting.pop(start)
            if not turn.done():
                self.occupy(start)
                turn.set_result(None)
