"""Machines that crash, freeze or are changed by twenty clients at once; slow state changes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from build.remote.greeting import greets
from localcloud.faults import client as faults
from localcloud.server import control
from tests.cloud.ec2_client import FAST, Ec2Client, refused, until
from tests.cloud.test_ec2_restart import kill, reopened

pytestmark = [pytest.mark.vm, pytest.mark.turn]

CLIENTS, ROUNDS = 20, 3


@pytest.fixture(autouse=True)
def no_faults_left(cloud: Ec2Client) -> Iterator[None]:
    yield
    faults.clear(cloud.endpoint.url)


def test_a_killed_machine_is_a_stopped_instance_that_says_why_and_starts_again(cloud: Ec2Client) -> None:
    with cloud.instance(InstanceInitiatedShutdownBehavior="terminate") as instance:
        instance_id = instance["InstanceId"]
        cloud.ssh(instance, "echo kept > /root/kept && sync")
        os.kill(control.machines(cloud.folder)[instance_id], signal.SIGKILL)
        found = cloud.wait_for(instance_id, "stopped", 20)
        assert found["StateReason"]["Code"] == "Server.InternalError"
        assert "ended unexpectedly" in found["StateReason"]["Message"]
        cloud.client("ec2").start_instances(InstanceIds=[instance_id])
        again = cloud.wait_for(instance_id, "running")
        assert cloud.ssh(again, "cat /root/kept") == "kept\n"

        frozen = faults.machine(cloud.endpoint.url, instance_id, "freeze")["frozen"]
        assert frozen == [instance_id]
        with pytest.raises(AssertionError):
            until(lambda: _answers(cloud, again), 3)
        faults.clear(cloud.endpoint.url)
        assert cloud.ssh(again, "cat /root/kept") == "kept\n"
        faults.machine(cloud.endpoint.url, instance_id, "kill")
        cloud.wait_for(instance_id, "stopped", 20)


def _answers(cloud: Ec2Client, instance: dict[str, Any]) -> bool:
    return greets(instance["PublicIpAddress"])


def test_state_changes_take_the_time_they_are_asked_to(cloud: Ec2Client) -> None:
    ec2, url = cloud.client("ec2"), cloud.endpoint.url
    faults.add(
        url,
        [
            {"kind": "state", "change": change, "seconds": 6}
            for change in ("running", "image", "snapshot", "terminated")
        ],
    )
    started = time.monotonic()
    instance_id = cloud.run()["InstanceId"]
    assert cloud.state(instance_id) == "pending"
    cloud.wait_for(instance_id, "running")
    assert time.monotonic() - started >= 6

    started = time.monotonic()
    image = ec2.create_image(InstanceId=instance_id, Name="slow", NoReboot=True)["ImageId"]
    snapshot = ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"][0]["Ebs"][
        "SnapshotId"
    ]
    seen = set()
    while True:
        of_image = ec2.describe_images(ImageIds=[image])["Images"][0]["State"]  # asked first: it ends later
        found = ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
        if found["State"] != "pending":
            break
        assert of_image == "pending"
        seen.add(int(found["Progress"].rstrip("%")))
        time.sleep(0.3)
    assert len(seen) > 5
    assert (found["Progress"], max(seen) < 100) == ("100%", True)
    ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig=FAST)
    with refused("InvalidAMIID.Unavailable"):
        faults.add(url, [{"kind": "state", "change": "image", "seconds": 60}])
        copy = ec2.copy_image(SourceImageId=image, SourceRegion="us-east-1", Name="slower")["ImageId"]
        cloud.run(ImageId=copy)
    faults.clear(url)
    ec2.get_waiter("image_available").wait(ImageIds=[image, copy], WaiterConfig=FAST)
    assert time.monotonic() - started >= 6
    for each in (image, copy):
        ec2.deregister_image(ImageId=each, DeleteAssociatedSnapshots=True)
    cloud.end(instance_id)


def test_twenty_clients_at_once(fresh_cloud: Ec2Client) -> None:
    """At the end the listing is what they believe, also after a kill -9; two of them run a machine."""
    believed: list[dict[str, str]] = [{} for _ in range(CLIENTS)]
    problems: list[BaseException] = []

    def one(number: int) -> None:
        try:
            _work(fresh_cloud, number, believed[number])
        except BaseException as problem:  # a thread has nobody else to tell
            problems.append(problem)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    expected = {resource: mark for each in believed for resource, mark in each.items()}
    assert _marked(fresh_cloud) == expected
    kill(fresh_cloud)
    cloud = reopened(fresh_cloud)
    assert _marked(cloud) == expected
    for instance_id in (found for found in expected if found.startswith("i-")):
        cloud.wait_for(instance_id, "running")
    assert set(control.machines(cloud.folder)) == {found for found in expected if found.startswith("i-")}


def _work(cloud: Ec2Client, number: int, believed: dict[str, str]) -> None:
    """Make, tag, look at and delete; believed is resource -> its tag."""
    ec2, ssm = cloud.client("ec2"), cloud.client("ssm")
    if number % 10 == 0:
        believed[
            ec2.run_instances(ImageId=cloud.tiny, InstanceType="t3.nano", MinCount=1, MaxCount=1)[
                "Instances"
            ][0]["InstanceId"]
        ] = ""
    for round_ in range(ROUNDS):
        mark = f"{number}-{round_}"
        group = ec2.create_security_group(GroupName=f"group-{mark}", Description="tests")["GroupId"]
        volumes = [ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"] for _ in range(2)]
        ec2.create_tags(Resources=[group, *volumes], Tags=[{"Key": "mark", "Value": mark}])
        snapshot = ec2.create_snapshot(VolumeId=volumes[0])["SnapshotId"]
        ssm.put_parameter(Name=f"/clients/{mark}", Value=mark, Type="String")
        assert {found["VolumeId"] for found in ec2.describe_volumes(VolumeIds=volumes)["Volumes"]} == set(
            volumes
        )
        ec2.delete_volume(VolumeId=volumes[1])
        ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig=FAST)
        believed |= {volumes[0]: mark, snapshot: "", f"/clients/{mark}": mark}
        if round_ % 2:
            ec2.delete_security_group(GroupId=group)
            ec2.delete_snapshot(SnapshotId=snapshot)
            del believed[snapshot]
        else:
            believed[group] = mark


def _marked(cloud: Ec2Client) -> dict[str, str]:
    """Everything of the tests that the API lists, with its tag."""
    ec2, ssm = cloud.client("ec2"), cloud.client("ssm")
    rows = [
        (found["VolumeId"], found) for found in ec2.describe_volumes()["Volumes"] if not found["Attachments"]
    ]
    rows += [(found["SnapshotId"], found) for found in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]]
    rows += [
        (found["GroupId"], found)
        for found in ec2.describe_security_groups()["SecurityGroups"]
        if found["GroupName"] != "default"
    ]
    rows += [(i["InstanceId"], {}) for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    marked = {resource: next((tag["Value"] for tag in found.get("Tags", ())), "") for resource, found in rows}
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path="/clients")
    return marked | {found["Name"]: found["Value"] for page in pages for found in page["Parameters"]}
