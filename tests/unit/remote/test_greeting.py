"""Is an ssh server there? Servers of this host that greet, do not, or greet only who comes later."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from build.remote.greeting import greets

HERE = "127.0.0.1"


@contextmanager
def server(serve: Callable[[int, socket.socket], object]) -> Iterator[int]:
    """Its port. Calls ``serve`` with the number of each connection, which stays open."""
    kept: list[socket.socket] = []
    with socket.create_server((HERE, 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    kept.append(listening.accept()[0])
                except OSError:
                    return
                with suppress(OSError):  # who asked has gone meanwhile
                    serve(len(kept), kept[-1])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()
    for connection in kept:
        connection.close()


def seconds_of(port: int, timeout_s: float) -> tuple[bool, float]:
    began = time.monotonic()
    return greets(HERE, port, timeout_s), time.monotonic() - began


def test_one_that_greets() -> None:
    with server(lambda _, connection: connection.sendall(b"SSH-2.0-OpenSSH_10.0\r\n")) as port:
        assert greets(HERE, port)


def test_who_comes_later_is_greeted_though_the_first_never_is() -> None:
    with server(
        lambda number, connection: connection.sendall(b"SSH-2.0-dropbear\r\n") if number == 2 else None
    ) as port:
        there, seconds = seconds_of(port, 30)
    assert there
    assert seconds < 10


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n"], ids=["nothing", "something else"])
def test_one_that_does_not(said: bytes) -> None:
    with server(lambda _, connection: connection.sendall(said)) as port:
        there, seconds = seconds_of(port, 0.7)
    assert not there
    assert seconds < 5


def test_one_that_hangs_up_is_not_overrun() -> None:
    numbers = []

    def serve(number: int, connection: socket.socket) -> None:
        numbers.append(number)
        connection.shutdown(socket.SHUT_RDWR)

    with server(serve) as port:
        assert not greets(HERE, port, 0.7)
    assert 1 <= len(numbers) <= 2


def test_nobody_there() -> None:
    with socket.create_server((HERE, 0)) as listening:
        port = listening.getsockname()[1]
    there, seconds = seconds_of(port, 30)
    assert not there
    assert seconds < 10
