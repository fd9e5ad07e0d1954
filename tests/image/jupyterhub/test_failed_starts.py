"""A start that fails says why on the hub's page, within seconds of the server's end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest
from hub_client import HubClient
from testinfra.host import Host
from unix_users import unix_user

pytestmark = pytest.mark.usefixtures("booted", "heavy")

SETTINGS = ".jupyter/jupyter_server_config.py"
ENDS = "import os; print('a line of its own', flush=True); os._exit(3)"
# Takes twice what its user may have, and what the machine has: limits are a part of that.
EATS = "eaten = [b'x' * 2**24 for _ in range(2**13)]"


@pytest.fixture
def visitor(machine: Host, hub: Callable[[], HubClient]) -> Iterator[HubClient]:
    """Somebody who is logged in and has no server."""
    with unix_user(machine) as one:
        session = hub()
        session.login(one)
        yield session


def put(root: Host, user: str, settings: str) -> None:
    """Give the user these settings of Jupyter's."""
    home = f"/home/{user}"
    root.check_output("mkdir --parents %s/.jupyter && echo %s > %s", home, settings, f"{home}/{SETTINGS}")
    root.check_output("chown --recursive %s: %s/.jupyter", user, home)


def failure(session: HubClient) -> dict[str, str]:
    """Start the server, and the last event of the page that waits."""
    return timed_failure(session)[0]


def timed_failure(session: HubClient) -> tuple[dict[str, str], float]:
    """That event, and the seconds since the one before it: how long others were before one does not count."""
    page = session.get(f"/hub/spawn/{session.user}")
    path = f"users/{session.user}/server/progress"
    last, came = {}, [time.monotonic()]
    with session.hub_api("GET", path, stream=True) as events:
        assert events.ok, (
            f"{events.status_code} {events.text}, after {page.status_code} {page.url} {page.text}"
        )
        for line in events.iter_lines(chunk_size=1):
            if line.startswith(b"data: "):
                last = json.loads(line[6:])
                came.append(time.monotonic())
    assert last.get("failed"), last
    return last, came[-1] - came[-2]


@pytest.mark.usefixtures("not_emulated")
def test_an_exit_status_with_the_servers_last_lines(visitor: HubClient, root: Host) -> None:
    """https://github.com/jupyterhub/systemdspawner/issues/8"""
    put(root, visitor.user, ENDS)
    event = failure(visitor)
    assert event["message"] == "Spawn failed: The server ended with status 3."
    assert "a line of its own" in event["html_message"]
    assert "systemd: Result=exit-code, code=exited, status=3/" in event["html_message"]
    page = visitor.get(f"/hub/spawn-pending/{visitor.user}").text
    assert "The server ended with status 3." in page


@pytest.mark.usefixtures("exclusive")  # starts of other tests would be before this one in the queue
def test_a_home_of_somebody_else_at_once(visitor: HubClient, root: Host) -> None:
    root.check_output("chown daemon: /home/%s", visitor.user)
    event, seconds = timed_failure(visitor)
    assert f"The home folder /home/{visitor.user} belongs to daemon." in event["message"]
    assert seconds < 30


@pytest.mark.usefixtures("thorough", "exclusive")
def test_more_memory_than_the_limit(visitor: HubClient, root: Host) -> None:
    put(root, visitor.user, EATS)
    assert "it used more memory than your limit of" in failure(visitor)["message"]
