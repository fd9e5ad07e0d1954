"""GetConsoleOutput: posted a while after a start; the latest on Nitro only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.ec2.pace import Pace
from localcloud.ec2.rules import console
from localcloud.faults.fault import Fault
from tests.pretended_cloud import IMAGE, PretendedCloud, pretended_cloud


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


class Console:
    """A machine of which only the console is asked."""

    said = b""

    def console(self) -> bytes:
        return self.said


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(console, "time", made)
    return made


@pytest.fixture
def cloud() -> Iterator[PretendedCloud]:
    with pretended_cloud() as cloud:
        cloud.host.pace = Pace(console_s=60)
        yield cloud


@pytest.fixture
def machine(cloud: PretendedCloud, monkeypatch: pytest.MonkeyPatch) -> Console:
    made = Console()
    monkeypatch.setattr(cloud.host, "machine", lambda _: made)
    return made


def launched(cloud: PretendedCloud, clock: Clock, instance_type: str = "t3.nano") -> str:
    """An instance that is booting."""
    request: Any = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "InstanceType": instance_type}
    made = str(cloud.clients.ec2.run_instances(**request)["Instances"][0]["InstanceId"])
    instance = cloud.backend.instance(made)
    instance.become("running")
    instance.booted_at = clock.now
    return made


def output(cloud: PretendedCloud, instance_id: str, **more: Any) -> str:
    return str(cloud.clients.ec2.get_console_output(InstanceId=instance_id, **more)["Output"])


def test_it_is_posted_once_after_each_boot(cloud: PretendedCloud, clock: Clock, machine: Console) -> None:
    instance = launched(cloud, clock)
    machine.said = b"booting"
    assert output(cloud, instance) == ""
    assert output(cloud, instance, Latest=True) == "booting"
    clock.now += 61
    assert output(cloud, instance) == "booting"
    machine.said += b", panic"
    clock.now += 600
    assert (output(cloud, instance), output(cloud, instance, Latest=True)) == ("booting", "booting, panic")
    cloud.backend.instance(instance).booted_at = clock.now
    assert output(cloud, instance) == "booting", "of the boot before"
    clock.now += 61
    assert output(cloud, instance) == "booting, panic"


def test_it_is_posted_when_an_instance_has_ended(
    cloud: PretendedCloud, clock: Clock, machine: Console
) -> None:
    instance = launched(cloud, clock)
    machine.said = b"Power down"
    cloud.backend.instance(instance).become("stopped")
    assert output(cloud, instance) == "Power down"


def test_a_fault_lets_it_take_longer(cloud: PretendedCloud, clock: Clock, machine: Console) -> None:
    cloud.host.faults.set(Fault("state", change="console", seconds=3600))
    instance = launched(cloud, clock)
    cloud.host.faults.begin("console", instance)
    machine.said, clock.now = b"booting", clock.now + 61
    assert output(cloud, instance) == ""
    cloud.host.faults.clear()
    assert output(cloud, instance) == "booting"


def test_on_xen_there_is_no_latest_output(cloud: PretendedCloud, clock: Clock, machine: Console) -> None:
    instance = launched(cloud, clock, "t2.nano")
    machine.said, clock.now = b"booting", clock.now + 61
    with pytest.raises(ClientError, match="does not support retrieving the latest console logs") as caught:
        output(cloud, instance, Latest=True)
    assert caught.value.response["Error"]["Code"] == "UnsupportedOperation"
    assert output(cloud, instance) == "booting"
