"""A newer image in place of the instance that runs: only when asked; if it fails, the old one returns."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cloud.hubs import Site, tags_of
from tests.cloud.invoke_runner import InvokeRunner, eventually

pytestmark = [pytest.mark.vm, pytest.mark.turn]


@pytest.fixture
def newer(runner: InvokeRunner, image: str) -> Iterator[str]:
    """The same image once more, published a moment later."""
    ec2 = runner.client("ec2")
    old = ec2.describe_images(ImageIds=[image])["Images"][0]
    disk = {"SnapshotId": old["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]}
    names = {
        "Architecture": "x86_64",
        "RootDeviceName": old["RootDeviceName"],
        "VirtualizationType": "hvm",
        "BootMode": "uefi",
    }
    made = ec2.register_image(
        Name="greeting-newer",
        BlockDeviceMappings=[{"DeviceName": old["RootDeviceName"], "Ebs": disk}],
        **names,
    )
    marks = [{"Key": key, "Value": value} for key, value in tags_of(old).items()]
    ec2.create_tags(Resources=[made["ImageId"]], Tags=marks)
    ec2.get_waiter("image_available").wait(ImageIds=[made["ImageId"]], WaiterConfig={"Delay": 1})
    _point_to(runner, made["ImageId"])
    yield made["ImageId"]
    _point_to(runner, image)
    ec2.deregister_image(ImageId=made["ImageId"])


def _point_to(runner: InvokeRunner, image_id: str) -> None:
    """Move the parameter, as a build does at its end."""
    runner.client("ssm").put_parameter(
        Name="/test/greeting/latest", Value=image_id, Type="String", Overwrite=True
    )


def test_a_newer_image_is_reported_and_put_in_place_only_when_asked(
    site: Site, made: dict[str, Any], newer: str
) -> None:
    ec2, old = site.runner.client("ec2"), site.instances()[0]["InstanceId"]
    told = site.launch("--json")
    assert f"{old} is kept; --replace" in told.err
    assert json.loads(told.out)["newer_image_id"] == newer
    assert [instance["InstanceId"] for instance in site.instances()] == [old]

    done = site.launched("--replace")
    assert [(instance["InstanceId"], instance["ImageId"]) for instance in site.instances()] == [
        (done["instance_id"], newer)
    ]
    assert (done["address"], done["volume_id"]) == (made["address"], made["volume_id"])
    volume = ec2.describe_volumes(VolumeIds=[made["volume_id"]])["Volumes"][0]
    assert volume["Attachments"][0]["InstanceId"] == done["instance_id"]
    assert site.launched("--replace")["changes"] == []


def test_an_image_in_the_channel_that_the_parameter_does_not_name_is_reported_and_not_launched(
    site: Site, made: dict[str, Any], image: str, newer: str
) -> None:
    _point_to(site.runner, image)
    done = site.launch("--json")
    words = f"/test/greeting/latest names {image}; {newer} holds channel stable; using {image}"
    assert (done.status, words in done.err) == (0, True), done.err
    assert f"image {image} (" in done.err


def test_when_the_new_one_fails_the_old_one_comes_back(site: Site, made: dict[str, Any], image: str) -> None:
    running = site.instances()[0]["InstanceId"]
    asked = site.start(*site.arguments("--wait", "--replace", "--instance-type", "t3.micro"))
    assert eventually(lambda: len(site.instances()) == 2)
    successor = next(
        instance["InstanceId"] for instance in site.instances() if instance["InstanceId"] != running
    )
    failed = {"phase": "failed", "instance_id": successor, "message": "no disk, no hub"}
    site.say("status", json.dumps({**failed, "at": "2026-11-25T00:00:00Z"}))
    asked.wait_for("failed: no disk, no hub")
    site.say("status", json.dumps({**failed, "at": "2026-11-25T00:01:00Z"}))
    asked.wait_for("is the hub's instance again")
    assert asked.process.wait(timeout=120) == 1
    asked.end(signal.SIGTERM)
    assert any("error:" in line and "no disk, no hub" in line for line in asked.lines)
    left = site.instances()
    assert [(instance["InstanceId"], instance["State"]["Name"]) for instance in left] == [
        (running, "running")
    ]
    assert left[0]["PublicIpAddress"] == made["address"]
    volume = site.runner.client("ec2").describe_volumes(VolumeIds=[made["volume_id"]])["Volumes"][0]
    assert volume["Attachments"][0]["InstanceId"] == running


@pytest.mark.matrix
@pytest.mark.parametrize(
    "step",
    [
        "find or launch",
        "attach the data",
        "associate",
        "point the name",
        "wait for https",
        "terminate the old",
    ],
)
def test_a_replacement_killed_at_a_step_and_repeated_completes(other: Site, step: str) -> None:
    first = other.launched()
    running = other.start(*other.arguments("--replace", "--instance-type", "t3.micro"))
    running.wait_for(f"» {step}")
    running.end(signal.SIGKILL)
    done = other.launched("--replace", "--instance-type", "t3.micro")
    assert [instance["InstanceType"] for instance in other.instances()] == ["t3.micro"]
    assert (done["address"], done["volume_id"]) == (first["address"], first["volume_id"])
