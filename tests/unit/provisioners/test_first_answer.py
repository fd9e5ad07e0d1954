"""The wait for a server's first answer ends with the answer, with the server, or in time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import Any

import pytest

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def module(program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    one = program("hubsmith_hub.first_answer")
    monkeypatch.setattr(one, "_ASK_EVERY_S", 0.01)
    monkeypatch.setattr(one, "_LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(one, "_ONE_ANSWER_S", 0.2)
    return one


class Server:
    """Gives these answers in turn, the last one again and again; None is none at all."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers, self.asked = list(answers), []

    asked: list[str]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await reader.readline()).decode().strip())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            await reader.read()  # until the client has enough
        else:
            writer.write(answer)
        writer.close()
        await writer.wait_closed()


def play(scene: Callable[[tuple[str, int]], Coroutine[Any, Any, None]], *answers: bytes | None) -> Server:
    """Run a scene with the address of such a server."""
    server = Server(*answers)

    async def bounded() -> None:
        listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
        async with listening:
            await asyncio.wait_for(scene(listening.sockets[0].getsockname()[:2]), 10)
            await asyncio.sleep(0.05)  # the server's side of the last connection

    asyncio.run(bounded())
    return server


async def running() -> bool:
    return True


def test_it_ends_with_the_answer(module: ModuleType) -> None:
    async def scene(address: tuple[str, int]) -> None:
        await module.wait(address, "/user/ada/api", running, 5)

    assert play(scene, HELLO).asked == ["GET /user/ada/api HTTP/1.0"]


@pytest.mark.parametrize(
    "not_yet", [b"HTTP/1.1 503 Busy\r\n\r\n", b"", b"SSH-2.0 200 x\r\n", b"HTTP/1.1\r\n", None]
)
def test_what_is_no_answer_of_a_working_server_does_not_count(
    module: ModuleType, not_yet: bytes | None
) -> None:
    async def scene(address: tuple[str, int]) -> None:
        await module.wait(address, "/", running, 5)

    assert len(play(scene, not_yet, HELLO).asked) == 2


def test_any_other_answer_counts(module: ModuleType) -> None:
    async def scene(address: tuple[str, int]) -> None:
        await module.wait(address, "/", running, 5)

    assert len(play(scene, b"HTTP/1.1 404 Not Found\r\n\r\n").asked) == 1


def test_it_waits_for_a_port_that_nobody_listens_on(module: ModuleType) -> None:
    async def scene(address: tuple[str, int]) -> None:
        with pytest.raises(module.TooLate):
            await module.wait((address[0], 1), "/", running, 0.1)

    play(scene, HELLO)


def test_a_cancellation_that_gets_lost_is_no_wait_for_ever(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As asyncio.wait_for does before Python 3.12, when its time is over in the same moment."""

    async def deaf(*_: object) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    monkeypatch.setattr(module, "_until_it_answers", deaf)

    async def scene(address: tuple[str, int]) -> None:
        with pytest.raises(module.TooLate):
            await module.wait(address, "/", running, 0.1)

    play(scene, HELLO)


@pytest.mark.parametrize("answer", [None, b""])
def test_it_ends_with_the_server(module: ModuleType, answer: bytes | None) -> None:
    async def scene(address: tuple[str, int]) -> None:
        looks = iter([True, True, False])

        async def is_running() -> bool:
            return next(looks)

        began = time.monotonic()
        with pytest.raises(module.Ended):
            await module.wait(address, "/", is_running, 5)
        assert time.monotonic() - began < 1

    play(scene, answer)


def test_an_error_of_who_looks_is_not_taken_for_the_end(module: ModuleType) -> None:
    async def scene(address: tuple[str, int]) -> None:
        async def broken() -> bool:
            raise OSError("no systemctl")

        with pytest.raises(OSError, match="no systemctl"):
            await module.wait(address, "/", broken, 5)

    play(scene, None)


def test_a_cancelled_wait_leaves_nothing_behind(module: ModuleType) -> None:
    async def scene(address: tuple[str, int]) -> None:
        before = asyncio.all_tasks()
        waiting = asyncio.ensure_future(module.wait((address[0], 1), "/", running, 5))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert asyncio.all_tasks() == before

    play(scene, HELLO)
