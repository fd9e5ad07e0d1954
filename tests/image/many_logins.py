"""Logins at the login page from many addresses at once.

A program for the machine itself: its whole loopback network is its own.

    python3 many_logins.py '{"tries": [{"address": "127.0.0.2", "name": "ada", "password": "x"}]}'
    python3 many_logins.py '{"tries": [...], "flood": {"address": "127.0.0.3", "name": "ada"}}'

Each try is one login, by default one after the other. Of more in ``parallel`` those of one address share a
login page. Prints [{"status": 302, "seconds": 0.4, ...}, ...]. During a ``flood`` 40 wrong logins at a time
come from its address, with its name, or with a new name for each where it has none. Only what Python itself
has: image tests start it by ``many_logins.run``.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import ssl
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode, urlsplit

PROXY = "https://127.0.0.1"
AT_ONCE = 40
PATIENCE_S = 120
FLOOD_ENDS_S = 300


class Client:
    """A browser at ``address``; it sends these headers as well."""

    def __init__(self, address: str, base: str = PROXY, headers: dict[str, str] | None = None) -> None:
        self.address, self.base, self.headers = (
            address,
            urlsplit(base),
            {"User-Agent": "many", **(headers or {})},
        )
        self.token = ""
        self.connection = self._connect()

    def _connect(self) -> http.client.HTTPConnection:
        options: dict[str, Any] = {"timeout": PATIENCE_S, "source_address": (self.address, 0)}
        if self.base.scheme == "http":
            return http.client.HTTPConnection(self.base.netloc, **options)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(self.base.netloc, context=context, **options)

    def request(self, method: str, path: str, **more: Any) -> http.client.HTTPResponse:
        """The whole answer to it."""
        self.connection.request(method, path, headers={**self.headers, **more.pop("headers", {})}, **more)
        answer = self.connection.getresponse()
        answer.read()
        return answer

    def open_page(self) -> str:
        """Get the login page; the token of its form, which is the address's."""
        cookies = self.request("GET", "/hub/login").headers.get_all("Set-Cookie") or []
        return next(part.split(";")[0].split("=", 1)[1] for part in cookies if part.startswith("_xsrf="))

    def send(self, name: str, password: str, patience_s: float = PATIENCE_S) -> http.client.HTTPResponse:
        """Send the form. Raises TimeoutError when there is no answer to it for so long."""
        self.connection.timeout = patience_s
        if self.connection.sock:
            self.connection.sock.settimeout(patience_s)
        form = urlencode({"username": name, "password": password, "_xsrf": self.token})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"_xsrf={self.token}"}
        return self.request("POST", "/hub/login?next=%2Fhub%2Fhome", body=form, headers=headers)


def attempt(one: dict[str, Any]) -> dict[str, Any]:
    """One login as a new visitor; the time is that of page and form.

    The status is None where patience for the answer ended.
    """
    started = time.monotonic()
    client = Client(one["address"], one.get("base", PROXY), one.get("headers"))
    client.token = one.get("token") or client.open_page()
    try:
        answer = client.send(one["name"], one["password"], one.get("patience_s", PATIENCE_S))
    except TimeoutError:
        client.connection.close()
        return {"status": None, "seconds": time.monotonic() - started}
    return {
        "status": answer.status,
        "seconds": time.monotonic() - started,
        "retry_after": answer.headers.get("Retry-After"),
    }


def flood(address: str, name: str | None = None) -> None:
    """Until the process is ended, or its parent was. Who is turned away comes again after a second."""
    signal.alarm(FLOOD_ENDS_S)
    token = Client(address).open_page()

    def guess(_: int) -> None:
        client = Client(address)
        client.token = token
        while True:
            if (
                client.send(name or f"u{secrets.token_hex(8)}", "wrong").status
                == http.client.TOO_MANY_REQUESTS
            ):
                time.sleep(1)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(guess, range(AT_ONCE)))


def all_of(tries: list[dict[str, Any]], parallel: int) -> list[dict[str, Any]]:
    """What comes of each."""
    if parallel > 1:
        attempts_of = Counter((one["address"], one.get("base", PROXY)) for one in tries)
        tokens = {place[0]: Client(*place).open_page() for place, count in attempts_of.items() if count > 1}
        tries = [{**one, "token": tokens.get(one["address"])} for one in tries]
    with ThreadPoolExecutor(parallel) as pool:
        return list(pool.map(attempt, tries))


def main(order: dict[str, Any]) -> list[dict[str, Any]]:
    """What the order asks for."""
    flooding = os.fork() if "flood" in order else None
    if flooding == 0:
        flood(**order["flood"])
    try:
        if flooding:
            time.sleep(4)  # all of them wait by then
        return all_of(order["tries"], order.get("parallel", 1))
    finally:
        if flooding:
            os.kill(flooding, signal.SIGKILL)


def run(root: Any, **order: Any) -> list[dict[str, Any]]:
    """Run it on the machine ``root`` (testinfra's host) is."""
    with open(__file__, encoding="utf-8") as source:  # noqa: PTH123 - not to be imported on the machine
        printed = root.check_output("python3 -I -c %s %s", source.read(), json.dumps(order))
    results: list[dict[str, Any]] = json.loads(printed)
    return results


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))  # noqa: T201
