"""A whole class starts at once: everybody gets a server, in turn, as fast as the processors allow."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from hub_client import HubClient
from testinfra.host import Host
from unix_users import unix_user

pytestmark = pytest.mark.usefixtures("booted", "heavy", "not_emulated", "exclusive")

PATIENCE_S = 1200
LONGER = 1.3
LOOK_EVERY_S = 2
# Prints how many servers the hub starts at a time.
AT_A_TIME = """
import re, sys
sys.path.insert(0, "/usr/lib/hubsmith/hub")
from hubsmith_hub import machine
text = open("/etc/jupyterhub/jupyterhub_config.py").read()
print(machine.starts(eval(re.search(r"concurrent_starts = machine.starts[(](.*)[)]", text)[1])))
"""
# Prints how many of so many processes really run at a time: emulated processors share a thread of the host.
SPEEDUP = """
import subprocess, sys, time
burn = [sys.executable, "-S", "-c", "for i in range(5_000_000): pass"]
def seconds(count):
    began = time.monotonic()
    for one in [subprocess.Popen(burn) for _ in range(count)]:
        one.wait()
    return time.monotonic() - began
count = int(sys.argv[1])
seconds(1)
print(count * seconds(1) / seconds(count))
"""


@pytest.fixture
def at_a_time(root: Host) -> int:
    return int(root.check_output("python3 -I -c %s", AT_A_TIME))


@contextmanager
def class_of(count: int, machine: Host, hub: Callable[[], HubClient]) -> Iterator[list[HubClient]]:
    """So many new users, logged in, without servers."""
    with ExitStack() as users:
        sessions = []
        for _ in range(count):
            sessions.append(hub())
            sessions[-1].login(users.enter_context(unix_user(machine)))
        yield sessions


def ask(session: HubClient) -> None:
    """Press "Start My Server"."""
    session.get(f"/hub/spawn/{session.user}").raise_for_status()


def ready(admin: HubClient) -> set[str]:
    """Users whose server answers."""
    answer = admin.hub_api("GET", "users?state=ready")
    answer.raise_for_status()
    return {user["name"] for user in answer.json()}


def running(root: Host) -> int:
    """Units of servers that systemd has started."""
    units = root.check_output("systemctl list-units --plain --no-legend 'jupyter-*-singleuser.service'")
    return len(units.splitlines())


def start_all(sessions: list[HubClient], admin: HubClient, root: Host, at_a_time: int) -> float:
    """Ask for all servers at once, and return when all answer; the seconds that took.

    Never do more of them start than may at a time.
    """
    others = ready(admin) - (names := {session.user for session in sessions})
    began = time.monotonic()
    with ThreadPoolExecutor(len(sessions)) as pool:
        list(pool.map(ask, sessions))
    while True:
        units = running(root)
        found = ready(admin)
        assert units - len(found | others) <= at_a_time
        if names <= found:
            return time.monotonic() - began
        assert time.monotonic() - began < PATIENCE_S, f"no server yet: {sorted(names - found)}"
        time.sleep(LOOK_EVERY_S)


def first_message(session: HubClient) -> str:
    """Of the page that waits for a server, but for the one that the hub itself begins with."""
    with session.hub_api("GET", f"users/{session.user}/server/progress", stream=True) as events:
        lines = (line[6:] for line in events.iter_lines() if line.startswith(b"data: "))
        messages = (json.loads(line)["message"] for line in lines)
        return str(next(message for message in messages if message != "Server requested"))


def test_more_than_may_start_at_a_time_wait_in_order_and_get_servers(
    machine: Host, hub: Callable[[], HubClient], admin: HubClient, root: Host, at_a_time: int
) -> None:
    if at_a_time > 4:
        pytest.skip("takes as many users as the machine has processors, and two more")
    with class_of(at_a_time + 2, machine, hub) as sessions:
        # One after the other, so that it is known who waits for whom.
        for session in sessions:
            ask(session)
        *_, next_one, last = sessions
        if next_one.servers()[""].get("pending"):
            assert first_message(next_one).startswith("You are next")
            assert first_message(last).startswith("1 person is before you")
        start_all(sessions, admin, root, at_a_time)


@pytest.mark.usefixtures("thorough")
def test_the_last_of_eight_waits_as_long_as_the_work_takes(
    machine: Host, hub: Callable[[], HubClient], admin: HubClient, root: Host, at_a_time: int
) -> None:
    with class_of(2, machine, hub) as sessions:
        alone = min(start_all([session], admin, root, at_a_time) for session in sessions)
    side_by_side = min(float(root.check_output("python3 -I -c %s %s", SPEEDUP, str(at_a_time))), at_a_time)
    with class_of(8, machine, hub) as sessions:
        took = start_all(sessions, admin, root, at_a_time)
    told = f"one alone {alone:.1f} s, eight {took:.1f} s; {side_by_side:.2f} processes really run at a time"
    assert took < LONGER * alone * 8 / max(side_by_side, 1), told
