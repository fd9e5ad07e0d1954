"""The proxy's routes, by its API: all of them to the page that says that the hub is being moved.

The proxy itself goes on: it has the hub's certificate, and the redirect from port 80. The hub that starts
next gives the proxy its own routes again.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
from pathlib import Path
from urllib.parse import quote

SOCKET = Path("/run/jupyterhub-proxy/api.sock")
PAGE = "http://127.0.0.1:8079"
"""Where hubsmith-page.service listens."""
_TOKEN = re.compile(r"^CONFIGPROXY_AUTH_TOKEN=(\S+)$", re.MULTILINE)
_TIMEOUT_S = 30


class ProxyError(Exception):
    """What the proxy's API answered."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(str(self._path))


def token_of(environment: Path) -> str:
    """The token in proxy.env. Raises OSError, and ProxyError where there is none in it."""
    found = _TOKEN.search(environment.read_text(encoding="ascii"))
    if found is None:
        raise ProxyError(f"{environment} has no token")
    return found[1]


def lead_to_page(token: str, path: Path = SOCKET) -> None:
    """Lead every request to the page; the default route first, so that none is without one.

    Raises OSError and ProxyError.
    """
    _call(path, token, "POST", "/", {"target": PAGE})
    for route in json.loads(_call(path, token, "GET", "")):
        if route != "/":
            _call(path, token, "DELETE", route)


def _call(path: Path, token: str, method: str, route: str, data: object = None) -> bytes:
    connection = _UnixConnection(path)
    try:
        body = None if data is None else json.dumps(data)
        # A route is as its path was decoded (users' names may have an "@").
        connection.request(method, f"/api/routes{quote(route)}", body, {"Authorization": f"token {token}"})
        answer = connection.getresponse()
        content = answer.read()
    except http.client.HTTPException as exc:
        raise ProxyError(f"the proxy's API does not answer: {exc}") from exc
    finally:
        connection.close()
    if answer.status >= 400 and (method, answer.status) != ("DELETE", 404):
        raise ProxyError(f"the proxy's API answered {answer.status} to {method} of {route or 'all routes'}")
    return content
