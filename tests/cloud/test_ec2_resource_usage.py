"""Idle cost next to nothing, ten machines at once, little time beside the guest's own boot;
tests/bench_cloud.py prints the figures.
"""

from __future__ import annotations

import pytest

from build.remote.greeting import greets
from localcloud.server import control
from tests.cloud.ec2_client import Ec2Client, until
from tests.cloud.resource_usage import boot, idle_cpu_s

pytestmark = [pytest.mark.vm, pytest.mark.turn]


def test_a_launch_costs_little_beside_the_guests_own_boot_and_idling_next_to_nothing(
    fresh_cloud: Ec2Client,
) -> None:
    _, measured = boot(fresh_cloud)
    assert measured.overhead_percent < 10, measured
    of_the_server, of_the_machine = idle_cpu_s(fresh_cloud)
    assert of_the_server < 0.5
    assert of_the_machine < 1.5  # of 10


@pytest.mark.exhaustive
def test_ten_machines_at_once(fresh_cloud: Ec2Client) -> None:
    ec2, group = fresh_cloud.client("ec2"), fresh_cloud.open_group(22)
    parameters = {"ImageId": fresh_cloud.tiny, "InstanceType": "t3.nano", "SecurityGroupIds": [group]}
    instances = ec2.run_instances(**parameters, MinCount=10, MaxCount=10)["Instances"]
    for instance in instances:
        try:
            until(lambda address=instance["PublicIpAddress"]: greets(address), 400, instance["InstanceId"])  # type: ignore[misc]
        except AssertionError:
            pytest.fail(
                f"{instance['InstanceId']} does not speak ssh; its console: {fresh_cloud.console(instance)}"
            )
    status = control.status(fresh_cloud.folder)
    assert len(status.machines) == 10
    assert status.resident_mib is not None
    assert status.resident_mib < 300
    assert idle_cpu_s(fresh_cloud)[0] < 1
