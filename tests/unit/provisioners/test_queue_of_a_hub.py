"""The image's spawner in a real JupyterHub, whose servers are processes (queue_hub.py): the queue of starts.

JupyterHub is no requirement of Hubsmith; where it is not installed these tests are skipped.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.browser import Browser
from tests.unit.provisioners.hub_process import Hub, free_port

pytest.importorskip("jupyterhub", reason="JupyterHub is not installed")
pytest.importorskip("systemdspawner", reason="SystemdSpawner is not installed")


@pytest.fixture
def hub(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Hub]:
    one = Hub(tmp_path, free_port(), getattr(request, "param", 100))
    try:
        one.start()
        yield one
    finally:
        one.stop()
        for file in tmp_path.glob("jupyter-*"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(file.read_text()), signal.SIGKILL)


@pytest.mark.parametrize("hub", [30], indirect=True)
def test_a_whole_class_gets_servers_two_at_a_time_in_order_and_no_wait_is_too_long(hub: Hub) -> None:
    """The last ones wait for longer than a start may take."""
    names = hub.users(*(f"user{number}" for number in range(8)), waits=True)
    for name in names:
        hub.ask(name)
    hub.told("user5", "3 people are before you.")
    began = time.monotonic()
    for pair in (names[:2], names[2:4], names[4:6], names[6:]):
        hub.until_started(pair[1])
        assert hub.started() == names[: names.index(pair[1]) + 1]
        time.sleep(11 if pair[1] != names[-1] else 0)
        assert not any(hub.ready(name) for name in pair)
        hub.release(*pair)
    hub.until(lambda: all(hub.ready(name) for name in names))
    assert time.monotonic() - began > hub.start_timeout


def test_who_stops_a_server_that_waits_leaves_the_queue_and_so_does_a_removed_user(hub: Hub) -> None:
    hub.users("first", "second", waits=True)
    names = hub.users("third", "fourth", "fifth")
    for name in ("first", "second", *names):
        hub.ask(name)
    assert hub.api("DELETE", "users/third/server").status_code in (202, 204)
    # What ends the servers of a removed user, too.
    assert hub.api("DELETE", "users/fourth/sessions").status_code == 204
    hub.told("fifth", "You are next")
    hub.release("first")
    hub.until(lambda: hub.ready("fifth"))
    assert hub.started() == ["first", "second", "fifth"]
    assert (hub.state("third"), hub.state("fourth")) == ({}, {})


def test_the_check_of_status_goes_first(hub: Hub) -> None:
    hub.users("first", "second", waits=True)
    hub.users("third", "hubsmith-check-1a2b3c")
    for name in ("first", "second", "third", "hubsmith-check-1a2b3c"):
        hub.ask(name)
    hub.told("third", "1 person is before you.")
    hub.release("first")
    hub.until(lambda: hub.ready("third"))
    assert hub.started()[2:] == ["hubsmith", "third"]


def test_who_stops_a_server_that_starts_gives_its_place_to_the_next(hub: Hub) -> None:
    hub.users("first", "second", waits=True)
    hub.users("third")
    for name in ("first", "second", "third"):
        hub.ask(name)
    hub.told("third", "You are next")
    hub.api("DELETE", "users/first/server")
    hub.until(lambda: hub.ready("third"))
    assert not hub.ready("second")


def test_a_server_that_ends_frees_its_place_and_says_why(hub: Hub) -> None:
    hub.users("broken", waits=True, ends=3)
    hub.users("slow", waits=True)
    hub.users("next")
    for name in ("broken", "slow", "next"):
        hub.ask(name)
    hub.told("next", "You are next")
    hub.release("broken")
    event = hub.told("broken", "Spawn failed: ")
    assert event["html_message"] == (
        "The server ended with status 3. Its last lines:"
        "<pre class='text-start'>one &lt;b&gt;line&lt;/b&gt;\n"
        "systemd: Result=exit-code, code=exited, status=3/x</pre>"
    )
    hub.until(lambda: hub.ready("next"))
    assert not hub.ready("slow")


def test_one_that_ends_at_once_says_so_at_once(hub: Hub) -> None:
    hub.users("broken", ends=3, at_once=True)
    hub.ask("broken")
    began = time.monotonic()
    hub.told("broken", "The server ended with status 3.")
    assert time.monotonic() - began < hub.start_timeout / 2


@pytest.mark.parametrize("hub", [8], indirect=True)
def test_one_that_never_answers_is_given_up_in_words(hub: Hub) -> None:
    hub.users("deaf", waits=True)
    hub.ask("deaf")
    hub.told("deaf", "The server did not answer in 8 s.")
    hub.until(lambda: hub.log()[-1][1] == "stop")


def test_a_closed_account_is_refused_before_it_waits_and_after(hub: Hub) -> None:
    hub.users("first", "second", waits=True)
    hub.users("closed", closed=True)
    hub.users("closing")
    for name in ("first", "second", "closing", "closed"):
        hub.ask(name)
    hub.told("closed", "the account is closed")
    hub.told("closing", "You are next")
    hub.users("closing", closed=True)
    hub.release("first")
    hub.told("closing", "the account is closed")
    assert hub.started() == ["first", "second"]


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_of_the_hub_keeps_servers_that_start_and_forgets_those_that_wait(
    hub: Hub, with_signal: int
) -> None:
    hub.users("first", "second", waits=True)
    hub.users("third")
    for name in ("first", "second", "third"):
        hub.ask(name)
    hub.until(lambda: len(hub.started()) == 2)
    hub.told("second", "Your server runs")
    hub.stop(with_signal)
    hub.start()
    assert hub.state("third") == {}
    hub.ask("third")
    # Two are under way, which the new hub has found.
    hub.told("third", "You are next")
    hub.release("first", "second")
    hub.until(lambda: all(hub.ready(name) for name in ("first", "second", "third")))
    assert hub.started() == ["first", "second", "third"]


@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no chromium here")
def test_the_page_that_waits_says_for_how_many_and_asks_again_after_a_restart(
    hub: Hub, tmp_path: Path
) -> None:
    hub.users("first", "second", waits=True)
    hub.users("third", "fourth")
    for name in ("first", "second", "third"):
        hub.ask(name)
    (tmp_path / "browser").mkdir()
    with Browser(tmp_path / "browser", "hub.example.test", "127.0.0.1", "") as browser:
        here = hub.url.replace("127.0.0.1", "hub.example.test")
        browser.open(f"{here}/hub/login?next=%2Fhub%2Fspawn%2Ffourth")
        browser.wait_for("document.querySelector('#username_input') !== null", 120)
        browser.fill("#username_input", "fourth")
        browser.fill("#password_input", "any")
        browser.click("#login_submit")
        browser.wait_for("document.body.innerText.includes('1 person is before you.')", 120)
        browser.js("window.before = true")
        hub.stop(signal.SIGKILL)
        hub.start()
        browser.wait_for("window.before === undefined", 120)
        hub.release("first", "second")
        hub.until(lambda: hub.ready("fourth"))
