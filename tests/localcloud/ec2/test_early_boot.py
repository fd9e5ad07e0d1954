"""What is done with a machine whose boot has only begun, and with one of which that is not sure."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.ec2.reconcile import power, volumes
from tests.localcloud.ec2.pretence import Machines, Pretended


def powered_on(*, seconds_ago: float = 1, asked: bool = False) -> Any:
    """An instance that is to end; whether its guest has asked its metadata service anything."""
    return SimpleNamespace(
        state="shutting-down",
        force_stop=False,
        guest_is_up=asked,
        booted_at=time.time() - seconds_ago,
    )


@pytest.fixture
def machine() -> Pretended:
    """One that has written nothing, and overlooks the power button."""
    return Pretended(Machines(), running=True, deaf=True, booted=False)


def test_at_first_it_is_ended_without_the_power_button(machine: Pretended) -> None:
    power.off(powered_on(), machine, patience_s=100)  # type: ignore[arg-type]
    assert not machine.running


@pytest.mark.parametrize(
    ("instance", "has_written"),
    [
        (powered_on(asked=True), False),
        (powered_on(seconds_ago=volumes.FIRMWARE_S + 1), False),
        (powered_on(), True),
    ],
    ids=["it has asked", "long ago", "it has written"],
)
def test_a_guest_that_may_be_up_is_asked(
    machine: Pretended, monkeypatch: pytest.MonkeyPatch, instance: Any, has_written: bool
) -> None:
    pressed = []

    def powerdown(one: Pretended) -> None:
        pressed.append(one)
        one.end()

    monkeypatch.setattr(Pretended, "powerdown", powerdown)
    machine.booted = has_written
    power.off(instance, machine, patience_s=100)  # type: ignore[arg-type]
    assert pressed == [machine]
