"""Web servers of the tests' own, on this machine and as long as a test needs them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from typing import TypeVar

Server = TypeVar("Server", bound=HTTPServer)
# an end waits for so long; with socketserver's own half second, that was most of what many tests took
_POLL_S = 0.02


@contextmanager
def answering(server: Server) -> Iterator[Server]:
    """Answer in a thread, and close it at the end."""
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
