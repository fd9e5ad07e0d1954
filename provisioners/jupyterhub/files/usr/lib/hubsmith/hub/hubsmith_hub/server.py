"""The hub's own HTTP server: small requests only, and clients' addresses as the proxy saw them.

JupyterHub makes a tornado.httpserver.HTTPServer; tornado lets the class and its defaults be configured
before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable

from tornado import httputil
from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer

# Forms and the API's JSON. Tornado keeps all of a body in memory before anybody is asked who they are; its
# own limit is 100 MB.
_MOST_BODY_BYTES = 10 * 1024 * 1024
_BODY_TIMEOUT_S = 60
_IDLE_TIMEOUT_S = 300  # until the next request's headers are there

# Tornado prefers these to what the proxy adds (X-Forwarded-For, -Proto), and the proxy passes them on as a
# client sent them.
_NOT_THE_PROXYS = ("X-Real-Ip", "X-Scheme")


def configure() -> None:
    """Call it before JupyterHub makes its server."""
    HTTPServer.configure(
        HubServer,
        max_body_size=_MOST_BODY_BYTES,
        body_timeout=_BODY_TIMEOUT_S,
        idle_connection_timeout=_IDLE_TIMEOUT_S,
    )


class HubServer(HTTPServer):
    """Believes forwarded headers in requests of the proxy; ``request.remote_ip`` is evidence then.

    The proxy is on this machine: it comes from the very address the hub listens on, which no other machine
    and no network namespace has. It appends the address it saw to X-Forwarded-For, and tornado takes the last
    one.
    """

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        """Called by tornado for each request."""
        if _is_from_here(request_conn):
            return _Proxied(super().start_request(server_conn, request_conn))
        return self.request_callback.start_request(server_conn, request_conn)


class _Proxied(httputil.HTTPMessageDelegate):
    """Drops headers that are not the proxy's own."""

    def __init__(self, delegate: httputil.HTTPMessageDelegate) -> None:
        self._delegate = delegate

    def headers_received(
        self, start_line: httputil.RequestStartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        for name in _NOT_THE_PROXYS:
            with contextlib.suppress(KeyError):
                del headers[name]
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()


def _is_from_here(connection: HTTP1Connection) -> bool:
    """Does the connection come from the address that it goes to?"""
    try:
        return connection.stream.socket.getpeername()[0] == connection.stream.socket.getsockname()[0]
    except (AttributeError, OSError):  # closed meanwhile
        return False
