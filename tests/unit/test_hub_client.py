"""The image tests' browser: what it does when the hub's proxy ends an idle connection at a request."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator

import pytest
from hub_client import HubClient

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Proxy:
    """Answers the first request of each connection and ends it instead of answering the second."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://{}:{}".format(*self.listener.getsockname())
        self.requests: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            for answer in (ANSWER, b""):
                request = whole_request(connection)
                if request:
                    self.requests.append(request.decode().split(" HTTP/")[0])
                    connection.sendall(answer)


def whole_request(connection: socket.socket) -> bytes:
    """Head and body, which may come one after the other; empty when the client has ended the connection."""
    request = b""
    while more := connection.recv(65536):
        request += more
        head, ended, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"^content-length: (\d+)", head, re.IGNORECASE | re.MULTILINE)
        if ended and len(body) >= (int(length[1]) if length else 0):
            break
    return request


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    proxy = Proxy()
    yield proxy
    proxy.listener.close()


@pytest.fixture
def hub(proxy: Proxy) -> Iterator[HubClient]:
    with HubClient(proxy.url) as hub:
        yield hub


def test_a_get_is_sent_again(proxy: Proxy, hub: HubClient) -> None:
    assert [hub.get("/hub/health").text for _ in range(3)] == ["ok"] * 3
    assert proxy.requests == ["GET /hub/health"] * 5


def test_a_post_is_sent_once_by_a_connection_of_its_own(proxy: Proxy, hub: HubClient) -> None:
    hub.get("/hub/login")
    assert hub.session.post(f"{hub.url}/hub/login", data="name=ada").text == "ok"
    assert proxy.requests == ["GET /hub/login", "POST /hub/login"]
