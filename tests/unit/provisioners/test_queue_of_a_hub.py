"""The image's spawner in a real JupyterHub, whose servers are processes (queue_hub.py): the queue of starts.

JupyterHub is no requirement of Hubsmith; where it is not installed these tests are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.cloud.browser import Browser
from tests.unit.provisioners.conftest import FOLDERS

pytest.importorskip("jupyterhub", reason="JupyterHub is not installed")
pytest.importorskip("systemdspawner", reason="SystemdSpawner is not installed")

CONFIG = Path(__file__).with_name("queue_hub.py")
PATIENCE_S = 60


class Hub:
    """A hub at work; ``says`` is what the servers of its users do."""

    def __init__(self, folder: Path, port: int, start_timeout: int) -> None:
        self.folder, self.url = folder, f"http://127.0.0.1:{port}"
        self.start_timeout = start_timeout
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"token {'x' * 32}"
        self.orders: dict[str, Any] = {}
        self.server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        (self.folder / "say").write_text(json.dumps(self.orders))
        environment = {
            **os.environ,
            "STATE": str(self.folder),
            "URL": self.url,
            "FOLDERS": json.dumps([str(folder) for folder in FOLDERS]),
            "START_TIMEOUT": str(self.start_timeout),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with (self.folder / "log").open("ab") as log:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "--config", str(CONFIG)],
                env=environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        self.until(lambda: self.session.get(f"{self.url}/hub/health", timeout=5).ok)

    def stop(self, with_signal: int = signal.SIGTERM) -> None:
        if self.server:
            self.server.send_signal(with_signal)
            self.server.wait(PATIENCE_S)
            self.server = None

    def until(self, true: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                if true():
                    return
            except requests.ConnectionError:
                pass
            goes_on = self.server is not None and self.server.poll() is None
            assert goes_on, (self.folder / "log").read_text()[-3000:]
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-3000:]
            time.sleep(0.1)

    def users(self, *names: str, **order: Any) -> list[str]:
        """Add users whose servers do so."""
        self.orders |= dict.fromkeys(names, order)
        (self.folder / "say").write_text(json.dumps(self.orders))
        self.api("POST", "users", json={"usernames": list(names)})
        return list(names)

    def api(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"{self.url}/hub/api/{path}", timeout=60, **options)

    def ask(self, name: str) -> None:
        """Ask for a server, without waiting for it."""
        assert self.api("POST", f"users/{name}/server", json={}).status_code in (201, 202)

    def state(self, name: str) -> dict[str, Any]:
        servers: dict[str, Any] = self.api("GET", f"users/{name}").json()["servers"]
        return dict(servers.get("", {}))

    def ready(self, name: str) -> bool:
        return bool(self.state(name).get("ready"))

    def log(self) -> list[list[Any]]:
        """[[seconds, "start" or "stop", user], …]"""
        file = self.folder / "started"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def started(self) -> list[str]:
        return [user for _, what, user in self.log() if what == "start"]

    def events(self, name: str, patience_s: float = 3) -> list[dict[str, Any]]:
        """Those of the page that waits, as far as they come in so many seconds."""
        seen = []
        path = f"{self.url}/hub/api/users/{name}/server/progress"
        try:
            with self.session.get(path, stream=True, timeout=patience_s) as answer:
                end = time.monotonic() + patience_s
                for line in answer.iter_lines():
                    if line.startswith(b"data: "):
                        seen.append(json.loads(line[6:]))
                    if time.monotonic() > end:
                        break
        except requests.ConnectionError:  # nothing more came
            pass
        return seen


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def hub(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Hub]:
    one = Hub(tmp_path, free_port(), getattr(request, "param", 30))
    one.start()
    yield one
    one.stop()
    for file in tmp_path.glob("jupyter-*"):
        try:
            os.kill(int(file.read_text()), signal.SIGKILL)
        except ProcessLookupError:
            continue


@pytest.mark.parametrize("hub", [12], indirect=True)
def test_a_whole_class_gets_servers_two_at_a_time_in_order_and_no_wait_is_too_long(hub: Hub) -> None:
    """The last one waits for longer than a start may take."""
    names = hub.users(*(f"user{number}" for number in range(8)), loads_s=4)
    for name in names:
        hub.ask(name)
    assert len(hub.started()) == 2
    assert "3 people are before you." in hub.events("user5")[-1]["message"]
    hub.until(lambda: all(hub.ready(name) for name in names))
    assert hub.started() == names
    starts = [when for when, *_ in hub.log()]
    assert starts[-1] - starts[0] >= 12
    assert all(later - earlier >= 4 for earlier, later in zip(starts, starts[2:], strict=False))


def test_who_stops_a_server_that_waits_leaves_the_queue_and_so_does_a_removed_user(hub: Hub) -> None:
    hub.users("first", "second", loads_s=6)
    names = hub.users("third", "fourth", "fifth")
    for name in ("first", "second", *names):
        hub.ask(name)
    assert hub.api("DELETE", "users/third/server").status_code in (202, 204)
    # What ends the servers of a removed user, too.
    assert hub.api("DELETE", "users/fourth/sessions").status_code == 204
    assert "You are next" in hub.events("fifth")[-1]["message"]
    hub.until(lambda: hub.ready("fifth"))
    assert hub.started() == ["first", "second", "fifth"]
    assert (hub.state("third"), hub.state("fourth")) == ({}, {})


def test_the_check_of_status_goes_first(hub: Hub) -> None:
    hub.users("first", "second", loads_s=6)
    hub.users("third", "hubsmith-check-1a2b3c")
    for name in ("first", "second", "third", "hubsmith-check-1a2b3c"):
        hub.ask(name)
    hub.until(lambda: hub.ready("third"))
    assert hub.started()[2:] == ["hubsmith", "third"]


def test_who_stops_a_server_that_starts_gives_its_place_to_the_next(hub: Hub) -> None:
    hub.users("first", "second", loads_s=25)
    hub.users("third")
    for name in ("first", "second", "third"):
        hub.ask(name)
    assert hub.started() == ["first", "second"]
    hub.api("DELETE", "users/first/server")
    hub.until(lambda: hub.ready("third"))
    assert not hub.ready("second")


def test_a_server_that_ends_frees_its_place_and_says_why_within_seconds(hub: Hub) -> None:
    hub.users("broken", loads_s=1, ends=3)
    hub.users("slow", loads_s=25)
    hub.users("next")
    for name in ("broken", "slow", "next"):
        hub.ask(name)
    (event,) = hub.events("broken", 12)[-1:]
    assert event["failed"]
    assert event["html_message"] == (
        "The server ended with status 3. Its last lines:"
        "<pre class='text-start'>one &lt;b&gt;line&lt;/b&gt;\n"
        "systemd: Result=exit-code, code=exited, status=3/x</pre>"
    )
    hub.until(lambda: hub.ready("next"))
    # How long the user was kept waiting for the words.
    began = next(when for when, what, user in hub.log() if user == "broken")
    assert next(when for when, what, user in hub.log() if user == "next") - began < 10


def test_one_that_ends_at_once_says_so_at_once(hub: Hub) -> None:
    hub.users("broken", ends=3, at_once=True)
    began = time.monotonic()
    answer = hub.api("POST", "users/broken/server", json={})
    event = hub.events("broken")[-1] if answer.status_code == 202 else answer.json()
    assert "The server ended with status 3." in event["message"]
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("hub", [8], indirect=True)
def test_one_that_never_answers_is_given_up_in_words(hub: Hub) -> None:
    hub.users("deaf", loads_s=100)
    hub.ask("deaf")
    assert "The server did not answer in 8 s." in hub.events("deaf", 20)[-1]["message"]
    hub.until(lambda: hub.log()[-1][1] == "stop")


def test_a_closed_account_is_refused_before_it_waits_and_after(hub: Hub) -> None:
    hub.users("first", "second", loads_s=5)
    hub.users("closed", closed=True)
    hub.users("closing")
    for name in ("first", "second", "closing", "closed"):
        hub.ask(name)
    assert "the account is closed" in hub.events("closed", 1)[-1]["message"]
    hub.users("closing", closed=True)
    assert "the account is closed" in hub.events("closing", 12)[-1]["message"]
    assert hub.started() == ["first", "second"]


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_of_the_hub_keeps_servers_that_start_and_forgets_those_that_wait(
    hub: Hub, with_signal: int
) -> None:
    hub.users("first", "second", loads_s=25)
    hub.users("third")
    for name in ("first", "second", "third"):
        hub.ask(name)
    hub.stop(with_signal)
    hub.start()
    assert hub.state("third") == {}
    hub.ask("third")
    # Two are under way, which the new hub has found.
    assert hub.started() == ["first", "second"]
    assert "You are next" in hub.events("third", 2)[-1]["message"]
    hub.until(lambda: all(hub.ready(name) for name in ("first", "second", "third")))
    assert hub.started() == ["first", "second", "third"]


@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no chromium here")
def test_the_page_that_waits_says_for_how_many_and_asks_again_after_a_restart(
    hub: Hub, tmp_path: Path
) -> None:
    hub.users("first", "second", loads_s=30)
    hub.users("third", "fourth")
    for name in ("first", "second", "third"):
        hub.ask(name)
    (tmp_path / "browser").mkdir()
    with Browser(tmp_path / "browser", "hub.example.test", "127.0.0.1", "") as browser:
        here = hub.url.replace("127.0.0.1", "hub.example.test")
        browser.open(f"{here}/hub/login?next=%2Fhub%2Fspawn%2Ffourth")
        browser.wait_for("document.querySelector('#username_input') !== null", 60)
        browser.fill("#username_input", "fourth")
        browser.fill("#password_input", "any")
        browser.click("#login_submit")
        browser.wait_for("document.body.innerText.includes('1 person is before you.')", 30)
        browser.js("window.before = true")
        hub.stop(signal.SIGKILL)
        hub.start()
        browser.wait_for("window.before === undefined", 30)
        hub.until(lambda: hub.ready("fourth"))
