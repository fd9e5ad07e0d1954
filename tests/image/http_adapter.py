"""Connections to a hub as a browser has them."""

from __future__ import annotations

import ssl
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry


class BrowserAdapter(HTTPAdapter):
    """Connections as a browser has them, with the given SSLContext (requests has no other way to be given
    one).

    The hub's proxy ends a connection that was idle for five seconds, maybe just when the next request is on
    its way. What may be repeated is sent again by another connection, as browsers do (RFC 9110, 9.2.2); a
    POST has a connection of its own.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(max_retries=Retry(total=1, connect=0, read=1, status=0, other=0))

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(
            *args, ssl_context=self._context, assert_hostname=self._context.check_hostname and None, **options
        )

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        if request.method == "POST":
            self.poolmanager.clear()
        return super().send(request, *args, **options)
