"""A launch that is stopped or killed, at each step: the same command again completes it."""

from __future__ import annotations

import signal

import pytest

from build.launch.recipe import steps
from tests.cloud.hubs import Site

pytestmark = [pytest.mark.vm, pytest.mark.turn]


def test_killed_at_each_step_and_repeated_it_completes(other: Site) -> None:
    """One chain: each launch is killed a step later, so that the last one finds all the others' halves."""
    told = []
    for step in steps():
        running = other.start(*other.arguments())
        running.wait_for(f"» {step.title}")
        running.end(signal.SIGKILL)
        told += running.out.splitlines()
    done = other.launched()
    # The last steps take no time: the kill may come when all is done.
    assert done["admin_password"] or any(line.startswith(f"{done['admin']} ") for line in told), (
        "the one launch that came to its end shows it"
    )
    assert [instance["PublicIpAddress"] for instance in other.instances()] == [done["address"]]
    assert other.records() == [("A", [done["address"]])]
    assert other.launched()["changes"] == []


LAST_STEP = "✓ terminate the old instance"


@pytest.mark.matrix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "step", ["find or make the instance's role", "find or launch", "attach the data", "point the name"]
)
def test_stopped_at_a_step_it_says_how_to_go_on_and_does(
    other: Site, step: str, number: signal.Signals
) -> None:
    running = other.start(*other.arguments())
    running.wait_for(f"» {step}")
    status = running.end(number)
    if status != 0 and not any(LAST_STEP in line for line in running.lines):  # else it was at its end already
        assert "run the same command again to go on from here" in running.lines[-1]
    other.launched()
    assert len(other.instances()) == 1
