"""Wait until a server that was just started answers, or until its unit has ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

_ASK_EVERY_S = 0.5
_LOOK_EVERY_S = 2
"""A look at the unit is a process; a question to a port nobody listens on costs nothing."""
_ONE_ANSWER_S = 30
_SERVER_ERROR = 500
_CANCEL_EVERY_S = 0.1


class Ended(Exception):
    """The server's unit does not run any more."""


class TooLate(Exception):
    """The server still runs, and has not answered in time."""


async def wait(
    address: tuple[str, int], path: str, is_running: Callable[[], Awaitable[bool]], seconds: float
) -> None:
    """Return when the server at ``address`` answers a GET of ``path`` with anything below 500.

    Raises Ended within seconds of the unit's end, and TooLate after so many seconds.
    """
    answer = asyncio.ensure_future(_until_it_answers(address, path))
    end = asyncio.ensure_future(_until_it_ends(is_running))
    try:
        done, _ = await asyncio.wait({answer, end}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise TooLate
        if answer not in done:
            end.result()  # its own error, where systemd cannot be asked
            raise Ended
        answer.result()
    finally:
        await _cancelled(answer, end)


async def _cancelled(*tasks: asyncio.Future[None]) -> None:
    """Before Python 3.12 asyncio.wait_for may take a cancellation for itself, and the task goes on:
    https://github.com/python/cpython/issues/86296.
    """
    while not all(task.done() for task in tasks):
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_CANCEL_EVERY_S)
    await asyncio.gather(*tasks, return_exceptions=True)


async def _until_it_answers(address: tuple[str, int], path: str) -> None:
    while True:
        with contextlib.suppress(OSError, asyncio.TimeoutError, ValueError):
            if await asyncio.wait_for(_status(address, path), _ONE_ANSWER_S) < _SERVER_ERROR:
                return
        await asyncio.sleep(_ASK_EVERY_S)


async def _until_it_ends(is_running: Callable[[], Awaitable[bool]]) -> None:
    while await is_running():
        await asyncio.sleep(_LOOK_EVERY_S)


async def _status(address: tuple[str, int], path: str) -> int:
    """The status of the answer. Raises OSError, and ValueError for what is no answer of HTTP."""
    host, port = address
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nAccept: */*\r\n\r\n".encode())
        words = (await reader.readline()).split(maxsplit=2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/"):
            raise ValueError("not an answer of HTTP")
        return int(words[1])
    finally:
        writer.close()
