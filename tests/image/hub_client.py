"""A browser's worth of JupyterHub: log in at the login page, start a server, run code in a kernel.

It goes through the same pages as a user does (no API token), so that what works here works in a browser:

    with HubClient("https://hub.example.org") as hub:
        hub.login(HubUser("ada", "password"))
        hub.start_server()
        with Kernel.start(hub) as kernel:          # kernel_client.py
            assert kernel.run("6*7") == "42"
"""

from __future__ import annotations

import json
import re
import ssl
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import websocket
from http_adapter import BrowserAdapter

_REQUEST_S = 120


class HubError(Exception):
    """The hub, or a server behind it, answered something else than what a working one answers."""


class LoginRefused(HubError):
    """The login page came back with a message; that message is the text of this exception."""


@dataclass(frozen=True)
class HubUser:
    """A Unix user who can log in."""

    name: str
    password: str


def trusting(certificate_pem: str) -> ssl.SSLContext:
    """A context that accepts this machine's certificate, whatever name it is for and whoever signed it."""
    context = ssl.create_default_context(cadata=certificate_pem)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it is not a root
    context.check_hostname = False
    return context


class HubClient:
    """One browser session with the hub at ``url`` (no path). ``context`` says which certificates to trust.

    ``servers_url`` is where the user's servers are: the same, but on a hub with subdomains a host of that
    user.

    All waiting is bounded by ``timeout_s`` seconds; requests.RequestException goes through to the caller.
    """

    def __init__(self, url: str, context: ssl.SSLContext | None = None, timeout_s: float = 300) -> None:
        self.url = url.rstrip("/")
        self.servers_url = self.url
        self.context = context or ssl.create_default_context()
        self.timeout_s = timeout_s
        self.user = ""
        self.session = requests.Session()
        self.session.trust_env = False
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, BrowserAdapter(self.context))

    def __enter__(self) -> HubClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()

    def wait_until_up(self) -> None:
        """Return when the hub says that it is well.

        Raises HubError with the last answer when it does not in time.
        """
        deadline = time.monotonic() + self.timeout_s
        while True:
            try:
                answer = self.get("/hub/health")
                last = f"status {answer.status_code}"
                if answer.ok:
                    return
            except requests.RequestException as exc:
                if "CERTIFICATE_VERIFY_FAILED" in str(exc):
                    # the wrong certificate will not become the right one; a connection that ends early may
                    raise
                last = str(exc)
            if time.monotonic() > deadline:
                raise HubError(f"{self.url} is not up after {self.timeout_s:.0f} s: {last}")
            time.sleep(1)

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET ``path`` below the hub's address as this session; options are those of requests."""
        return self.session.get(self.url + path, timeout=_REQUEST_S, **options)

    def login(self, hub_user: HubUser) -> None:
        """Fill in the login page. Raises LoginRefused with the page's message."""
        page = self.get("/hub/login")
        page.raise_for_status()
        form = {"username": hub_user.name, "password": hub_user.password, "_xsrf": self._xsrf("/hub/")}
        # The next page is named, so that the login does not start a server by itself.
        answer = self.session.post(f"{self.url}/hub/login?next=%2Fhub%2Fhome", data=form, timeout=_REQUEST_S)
        if "/hub/login" in answer.url or answer.status_code == requests.codes.forbidden:
            raise LoginRefused(_login_message(answer.text) or f"status {answer.status_code}")
        answer.raise_for_status()
        self.user = hub_user.name

    def logout(self) -> None:
        """Follow the link "Logout"."""
        self.get("/hub/logout").raise_for_status()

    def start_server(self, server: str = "") -> None:
        """Press "Start My Server" (or start the named server) and wait until it answers.

        Raises HubError when it does not in time.
        """
        deadline = time.monotonic() + self.timeout_s
        self.get(f"/hub/spawn/{_in_path(self.user)}/{server}".rstrip("/")).raise_for_status()
        self._watch_start(server, deadline)
        while not (state := self.servers().get(server, {})).get("ready"):
            if not state or time.monotonic() > deadline:
                raise HubError(
                    f"the server of {self.user} did not start: {state or 'the hub has given it up'}"
                )
            time.sleep(1)
        self.servers_url = self._origin(state["url"])
        # The first page of the server sends the browser to the hub and back, which gives the server its own
        # cookie.
        first, lab = (f"{self.servers_url}{self.base(server)}{page}" for page in ("api/status", "lab"))
        self.session.get(first, headers={"Accept": "text/html"}, timeout=_REQUEST_S)
        self.session.get(lab, timeout=_REQUEST_S).raise_for_status()

    def _watch_start(self, server: str, deadline: float) -> None:
        """Return when the start has ended: one long answer, as on the page that waits.

        To ask again and again would take the processor from the start itself.
        """
        with self.hub_api("GET", f"{self._server_path(server)}/progress", stream=True) as events:
            for line in events.iter_lines(chunk_size=1):  # an empty one every few seconds at least
                event = json.loads(line[6:]) if line.startswith(b"data: ") else {}
                if event.get("ready") or event.get("failed") or time.monotonic() > deadline:
                    return

    def stop_server(self, server: str = "") -> None:
        """Press "Stop My Server" and wait until it is gone. Raises HubError when it stays."""
        self.hub_api("DELETE", self._server_path(server)).raise_for_status()
        self.wait_until_stopped(server)

    def wait_until_stopped(self, server: str = "") -> None:
        """Return when the server is gone. Raises HubError when it stays."""
        deadline = time.monotonic() + self.timeout_s
        while (state := self.servers().get(server)) and (state.get("ready") or state.get("pending")):
            if time.monotonic() > deadline:
                raise HubError(f"the server of {self.user} did not stop")
            time.sleep(1)

    def _server_path(self, server: str) -> str:
        return f"users/{_in_path(self.user)}/" + (f"servers/{server}" if server else "server")

    def servers(self) -> dict[str, dict[str, Any]]:
        """{name: what the hub says of it}; the default server is called ""."""
        answer = self.hub_api("GET", f"users/{_in_path(self.user)}?include_stopped_servers")
        answer.raise_for_status()
        found: dict[str, dict[str, Any]] = answer.json().get("servers", {})
        return found

    def base(self, server: str = "") -> str:
        """The path of one of the user's servers: /user/ada/ or /user/ada/lab2/."""
        return f"/user/{_in_path(self.user)}/" + (f"{server}/" if server else "")

    def server_api(self, method: str, path: str, server: str = "", **options: Any) -> requests.Response:
        """Call the Jupyter Server API of the user's server; options are those of requests."""
        base = self.base(server)
        headers = {"X-XSRFToken": self._xsrf(base), "Referer": self.servers_url + base}
        return self.session.request(
            method, f"{self.servers_url}{base}api/{path}", headers=headers, timeout=_REQUEST_S, **options
        )

    def hub_api(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call the hub's API as its own pages do; options are those of requests."""
        headers = {"X-XSRFToken": self._xsrf("/hub/"), "Referer": f"{self.url}/hub/home"}
        return self.session.request(
            method, f"{self.url}/hub/api/{path}", headers=headers, timeout=_REQUEST_S, **options
        )

    def submit(self, path: str, **fields: str) -> requests.Response:
        """Fill in the form of a page of the hub."""
        self.get(path).raise_for_status()
        return self.session.post(
            self.url + path, data={**fields, "_xsrf": self._xsrf("/hub/")}, timeout=_REQUEST_S
        )

    def socket(self, path: str) -> websocket.WebSocket:
        """Open a websocket to ``path`` of one of the user's servers, as a page of it would."""
        opened: Any = websocket.WebSocket(sslopt={"context": self.context})  # its connect() has no types
        address = urlsplit(self.servers_url)
        opened.connect(
            f"{'wss' if address.scheme == 'https' else 'ws'}://{address.netloc}{path}",
            cookie=self.cookies(path),
            origin=self.servers_url,
            timeout=self.timeout_s,
        )
        assert isinstance(opened, websocket.WebSocket)
        return opened

    def cookies(self, path: str) -> str:
        """The Cookie header a browser would send to ``path`` of one of the user's servers."""
        request = self.session.prepare_request(requests.Request("GET", self.servers_url + path))
        return request.headers.get("Cookie") or ""

    def _origin(self, url: str) -> str:
        found = urlsplit(url)
        return f"{found.scheme}://{found.netloc}" if found.netloc else self.url

    def _xsrf(self, path: str) -> str:
        for cookie in self.session.cookies:
            if cookie.name == "_xsrf" and cookie.path == path:
                return cookie.value or ""
        raise HubError(f"no _xsrf cookie for {path}: is this a JupyterHub?")


def _in_path(name: str) -> str:
    """A user's name as JupyterHub itself writes it into addresses (jupyterhub.utils.url_escape_path)."""
    return quote(name, safe="@~")


def _login_message(page: str) -> str:
    found = re.search(r'class="login_error[^"]*">(.*?)<', page, re.DOTALL)
    return found.group(1).strip() if found else ""
