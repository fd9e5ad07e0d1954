"""How far a start is, for the page that waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

Event = dict[str, int | str]

STARTING: Event = {"progress": 30, "message": "Your server is starting."}
LOADING: Event = {"progress": 60, "message": "Your server runs. It answers as soon as it has loaded."}
_LOOK_EVERY_S = 1


def waiting(before: int) -> Event:
    """For somebody in the queue with so many people before them."""
    if before == 0:
        message = "You are next: your server starts as soon as another has started."
    else:
        people = "1 person is" if before == 1 else f"{before} people are"
        message = f"{people} before you. Your server starts by itself when it is your turn."
    return {"progress": 25 // (before + 1), "message": message}


async def events(now: Callable[[], Event]) -> AsyncIterator[Event]:
    """Each event once it changes, without end; JupyterHub keeps the connection alive in between."""
    last = None
    while True:
        event = now()
        if event != last:
            yield event
        last = event
        await asyncio.sleep(_LOOK_EVERY_S)
