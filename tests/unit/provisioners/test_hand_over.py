"""What a machine does to give its data volume away: the page, the proxy's routes, the order of the end."""

from __future__ import annotations

import http.client
import importlib.machinery
import importlib.util
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import pytest

from tests.unit.provisioners.conftest import PROVISIONERS

BOOT = PROVISIONERS / "boot/files/usr"


@pytest.fixture(scope="module")
def routes(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("boot.proxy_routes")


@pytest.fixture(scope="module")
def release(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("boot.release")


@pytest.fixture(scope="module")
def page() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("page", str(BOOT / "lib/hubsmith/page"))
    spec = importlib.util.spec_from_loader("page", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PROPFIND"])
def test_every_request_gets_the_page_and_is_told_to_come_again(page: ModuleType, method: str) -> None:
    content = (BOOT / "share/hubsmith/boot/page.html").read_bytes()
    page.Handler.page = content
    server = ThreadingHTTPServer(("127.0.0.1", 0), page.Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        connection.request(method, "/user/ada/api/kernels", b"x" * 70_000 if method == "POST" else None)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Retry-After"], answer.headers["Connection"]) == (
            503,
            "5",
            "close",
        )
        assert answer.read() == (b"" if method == "HEAD" else content)
    finally:
        server.shutdown()
        server.server_close()
    assert b'http-equiv="refresh"' in content


def test_the_page_listens_where_the_proxy_is_led_to(page: ModuleType, routes: ModuleType) -> None:
    assert f"http://{page.PLACE[0]}:{page.PLACE[1]}" == routes.PAGE
    assert str(page.PAGE) == "/usr/share/hubsmith/boot/page.html"


class Proxy(socketserver.ThreadingUnixStreamServer):
    """configurable-http-proxy's API, as far as it is used."""

    daemon_threads = True
    routes: dict[str, str]
    calls: list[str]


class Api(BaseHTTPRequestHandler):
    """Its answers."""

    server: Proxy

    def do_GET(self) -> None:
        self._answer(200, json.dumps({route: {"target": to} for route, to in self.server.routes.items()}))

    def do_POST(self) -> None:
        data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.routes[self.path.removeprefix("/api/routes")] = data["target"]
        self._answer(201)

    def do_DELETE(self) -> None:
        route = unquote(self.path.removeprefix("/api/routes"))
        self._answer(204 if self.server.routes.pop(route, None) else 404)

    def _answer(self, status: int, body: str = "") -> None:
        allowed = self.headers["Authorization"] == "token secret"
        self.server.calls.append(self.command)
        self.send_response(status if allowed else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    server = Proxy(str(tmp_path / "api.sock"), Api)
    server.calls = []
    server.routes = {
        "/": "http://10.0.0.1:8081",
        "/user/ada": "x",
        "/user/a@b": "y",
        "/b.hub.org/user/b": "z",
    }
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_all_routes_lead_to_the_page_and_none_is_missing_meanwhile(
    routes: ModuleType, proxy: Proxy, tmp_path: Path
) -> None:
    routes.lead_to_page("secret", tmp_path / "api.sock")
    assert proxy.routes == {"/": routes.PAGE}
    assert proxy.calls == ["POST", "GET", "DELETE", "DELETE", "DELETE"]


def test_a_proxy_that_refuses_is_an_error(routes: ModuleType, proxy: Proxy, tmp_path: Path) -> None:
    with pytest.raises(routes.ProxyError, match="answered 403 to POST of /"):
        routes.lead_to_page("other", tmp_path / "api.sock")


def test_the_token_is_the_one_in_proxy_env(routes: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "proxy.env").write_text("CONFIGPROXY_AUTH_TOKEN=secret\n")
    assert routes.token_of(tmp_path / "proxy.env") == "secret"
    (tmp_path / "proxy.env").write_text("OTHER=1\n")
    with pytest.raises(routes.ProxyError):
        routes.token_of(tmp_path / "proxy.env")


@pytest.fixture
def machine(release: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A machine whose commands are recorded."""

    class Machine:
        done: list[str] = []
        mounted = True
        free = True

    Machine.done = []
    monkeypatch.setattr(release, "STATE", tmp_path / "hand-over.json")
    monkeypatch.setattr(release, "PATIENCE_S", 0.3)
    monkeypatch.setattr(release.volume, "find", lambda _: "/dev/vdb")
    monkeypatch.setattr(release.mounts, "is_mounted", lambda _: Machine.mounted)
    monkeypatch.setattr(release.proxy_routes, "token_of", lambda _: "secret")
    monkeypatch.setattr(release.proxy_routes, "lead_to_page", lambda _: Machine.done.append("routes"))
    monkeypatch.setattr(release, "_check", lambda *command: Machine.done.append(" ".join(command)))
    monkeypatch.setattr(release, "_unmount_all", lambda: Machine.done.append("unmount"))
    monkeypatch.setattr(release, "_page_answers", lambda: True)
    monkeypatch.setattr(release, "_is_free", lambda _: Machine.free)
    monkeypatch.setattr(release, "_users_of", lambda _: " by bash")
    monkeypatch.setattr(release, "_output", lambda *_: "inactive")
    monkeypatch.setattr(release.standby, "begin", lambda: Machine.done.append("standby"))
    return Machine


def launch_data(program: Callable[[str], ModuleType]) -> Any:
    return program("hubsmith_machine.launch").Launch(volume_id="vol-1")


def test_the_page_is_shown_before_the_hub_stops_and_the_volume_is_free_at_the_end(
    release: ModuleType, machine: Any, program: Callable[[str], ModuleType]
) -> None:
    release.release(launch_data(program))
    done = machine.done
    assert done[:2] == ["systemctl start hubsmith-page.service", "routes"]
    hub = next(place for place, what in enumerate(done) if "stop jupyterhub.service" in what)
    watchers = next(place for place, what in enumerate(done) if "stop hubsmith-users.path" in what)
    noted = done.index("systemctl start hubsmith-users.service")
    assert 1 < watchers < hub < noted < done.index("unmount") < done.index("standby")
    assert "jupyter.slice" in done[hub]
    assert release.state()["phase"] == "released"


def test_a_volume_that_is_free_already_is_given_away_without_ado(
    release: ModuleType, machine: Any, program: Callable[[str], ModuleType]
) -> None:
    machine.mounted = False
    release.release(launch_data(program))
    assert machine.done == ["standby"]


def test_a_volume_that_somebody_uses_is_not_given_away(
    release: ModuleType, machine: Any, program: Callable[[str], ModuleType]
) -> None:
    machine.free = False
    with pytest.raises(release.ReleaseError, match="/dev/vdb is in use by bash"):
        release.release(launch_data(program))
    assert "standby" not in machine.done
    assert release.state()["phase"] == "releasing"


def test_a_unit_that_died_has_failed(
    release: ModuleType, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert release.state()["phase"] == "none"
    release._tell("releasing", "")
    monkeypatch.setattr(release, "_output", lambda *_: "failed")
    assert (release.state()["phase"], release.state()["message"]) == ("failed", f"{release.UNIT} failed")


def test_standby_ends_with_the_volume_and_begins_when_it_is_given_away(
    program: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standby, launch = program("boot.standby"), program("hubsmith_machine.launch")
    monkeypatch.setattr(standby, "STATE", tmp_path / "standby")
    new, old = launch.Launch(standby=True), launch.Launch()
    assert (standby.is_on(new), standby.is_on(old)) == (True, False)
    standby.end()
    assert not standby.is_on(new)
    standby.begin()
    assert standby.is_on(new)
    assert standby.is_on(old)
