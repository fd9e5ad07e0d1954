"""A launch and what EC2 has just made: pending images and snapshots."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from build.aws import tags
from build.aws.placements import Placement
from build.bake.steps import source_image
from build.errors import UserError
from build.hubs import instances
from build.hubs.hub import Hub
from build.hubs.models import Address
from build.launch import address, image, instance, password, run_instances_request, volume
from build.launch.replacement import AttachDataVolume, TerminateOldInstance
from build.manifest import Base

IMAGE = "ami-0123456789abcdef0"


class Ec2:
    """As much of EC2 as is asked here; what it is asked to change is kept."""

    def __init__(self) -> None:
        self.image_state = "available"
        self.images = True
        self.volumes: list[dict[str, Any]] = []
        self.snapshots: list[dict[str, Any]] = []
        self.refusals: list[str] = []
        self.changes: list[str] = []

    def describe_images(self, ImageIds: list[str]) -> dict[str, Any]:
        found = {
            "ImageId": ImageIds[0],
            "State": self.image_state,
            "Architecture": "x86_64",
            "RootDeviceName": "/dev/xvda",
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}],
        }
        return {"Images": [found] if self.images else []}

    def describe_volumes(self, VolumeIds: list[str]) -> dict[str, Any]:
        return {"Volumes": self.volumes}

    def describe_snapshots(self, **_: object) -> dict[str, Any]:
        return {"Snapshots": self.snapshots}

    def describe_instances(self, InstanceIds: list[str]) -> dict[str, Any]:
        machine = {
            "InstanceId": InstanceIds[0],
            "State": {"Name": "terminated"},
            "ImageId": IMAGE,
            "InstanceType": "t3.small",
            "Placement": {},
            "LaunchTime": datetime.now(timezone.utc),
        }
        return {"Reservations": [{"Instances": [machine]}]}

    def create_snapshot(self, **_: object) -> dict[str, Any]:
        if self.refusals:
            raise ClientError({"Error": {"Code": self.refusals.pop()}}, "CreateSnapshot")
        self.changes.append("created")
        return {"SnapshotId": "snap-new"}

    def delete_snapshot(self, SnapshotId: str) -> None:
        self.changes.append(f"deleted {SnapshotId}")

    def terminate_instances(self, **_: object) -> None:
        self.changes.append("terminated")

    def delete_tags(self, **_: object) -> None:
        """Nothing."""


@pytest.fixture
def ec2() -> Ec2:
    return Ec2()


def a_launch(ec2: Ec2) -> Any:
    """The state of a launch, as far as these steps look at it."""
    return SimpleNamespace(
        clients=SimpleNamespace(ec2=ec2, cloud=SimpleNamespace(region="us-east-1")),
        hub=SimpleNamespace(domain="hub.example.org"),
        tags={tags.HUB: "hub.example.org"},
        manifest=SimpleNamespace(builder=SimpleNamespace(timeouts=SimpleNamespace(stop_s=5))),
        report=SimpleNamespace(waiting=lambda _: None),
        record_change=ec2.changes.append,
        volume_id="vol-1",
        old_id="i-old",
        instance_id="i-new",
        proven=False,
    )


@pytest.mark.parametrize("state", ["pending", "failed"])
def test_an_image_that_is_not_available_is_refused_before_anything_is_made(ec2: Ec2, state: str) -> None:
    ec2.image_state = state
    with pytest.raises(UserError, match=f"{IMAGE} is {state}, and only an image that is available"):
        image.described(a_launch(ec2).clients, IMAGE, "admin")
    with pytest.raises(UserError, match=f"base: {IMAGE} is {state}, and only an image that is available"):
        source_image.find(a_launch(ec2).clients, Base(id=IMAGE, login_user="admin"))


def test_a_deregistered_image_is_left_out_of_the_answer_and_is_not_there(ec2: Ec2) -> None:
    ec2.images = False
    with pytest.raises(UserError, match=f"there is no image {IMAGE}"):
        image.described(a_launch(ec2).clients, IMAGE, "admin")
    with pytest.raises(UserError, match=f"base: there is no image {IMAGE}"):
        source_image.find(a_launch(ec2).clients, Base(id=IMAGE, login_user="admin"))


def test_a_snapshot_of_the_data_waits_for_one_that_was_begun_a_moment_ago(ec2: Ec2) -> None:
    ec2.refusals = ["SnapshotCreationPerVolumeRateExceeded"]
    assert volume.snapshot(a_launch(ec2), "before the replacement") == "snap-new"
    assert ec2.changes[0] == "created"


def test_a_volume_that_is_not_listed_yet_has_no_holder_and_no_password(ec2: Ec2) -> None:
    assert volume.holder_of(a_launch(ec2)) is None
    assert password._who_had_one(a_launch(ec2)) is None
    ec2.volumes = [
        {"Attachments": [{"InstanceId": "i-1"}], "Tags": tags.as_list({tags.FIRST_PASSWORD: "ada"})}
    ]
    assert volume.holder_of(a_launch(ec2)) == "i-1"
    assert password._who_had_one(a_launch(ec2)) == "ada"


def snapshots(*states: str) -> list[dict[str, Any]]:
    """The oldest first."""
    return [
        {
            "SnapshotId": f"snap-{day}",
            "State": state,
            "StartTime": datetime(2026, 1, day, tzinfo=timezone.utc),
        }
        for day, state in enumerate(states, start=1)
    ]


@pytest.mark.parametrize(
    ("states", "deleted"),
    [
        (["completed", "completed", "completed"], ["deleted snap-1", "deleted snap-2"]),
        (["completed", "completed", "pending"], ["deleted snap-1"]),
        (["completed", "pending"], []),
        (["error", "completed", "error"], ["deleted snap-1"]),
        (["pending"], []),
        ([], []),
    ],
)
def test_the_snapshot_before_a_replacement_goes_when_a_later_one_is_completed(
    ec2: Ec2, states: list[str], deleted: list[str]
) -> None:
    ec2.snapshots = snapshots(*states)
    TerminateOldInstance().run(a_launch(ec2))
    assert [change for change in ec2.changes if "snap" in change] == deleted
    assert "terminated" in ec2.changes


def test_an_instance_is_looked_at_as_soon_as_ec2_lists_it(ec2: Ec2) -> None:
    answers: list[dict[str, Any]] = [{"Reservations": []}, ec2.describe_instances(InstanceIds=["i-1"])]
    clients: Any = SimpleNamespace(ec2=SimpleNamespace(describe_instances=lambda **_: answers.pop(0)))
    assert instances.by_id(clients, "i-1").image_id == IMAGE


def refusing(*answers: Any) -> Any:
    """A call that gives these answers in turn, each once: error codes are raised."""
    left = list(answers)

    def call(**_: object) -> Any:
        answer = left.pop(0)
        if isinstance(answer, str):
            message = "Value (hub) for parameter iamInstanceProfile.name is invalid."
            raise ClientError({"Error": {"Code": answer, "Message": message}}, "Example")
        return answer

    return call


def test_an_instance_is_asked_for_until_ec2_knows_group_and_profile(
    ec2: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[str] = []
    state = a_launch(ec2)
    state.report.waiting = waits.append
    state.group_id, state.profile, state.image = "sg-1", "hub", SimpleNamespace(id=IMAGE)
    made = {"Instances": [{"InstanceId": "i-new"}]}
    ec2.run_instances = refusing("InvalidGroup.NotFound", "InvalidParameterValue", made)
    monkeypatch.setattr(run_instances_request, "of", lambda *_: {})
    monkeypatch.setattr(instance, "_token", lambda *_: "token")
    placement = Placement("t3.small", "subnet-1", "us-east-1a")
    assert instance._run(state, placement) == "i-new"
    assert waits == ["EC2: does not know sg-1 yet", "EC2: does not know the profile hub yet"]
    ec2.run_instances = refusing("InvalidSubnetID.NotFound")
    with pytest.raises(ClientError, match="InvalidSubnetID"):
        instance._run(state, placement)


def test_a_new_address_leads_to_a_new_instance(ec2: Any) -> None:
    state = a_launch(ec2)
    state.address, state.hub = Address("eipalloc-1", "203.0.113.1"), Hub("hub.example.org")
    ec2.describe_addresses = refusing("InvalidAllocationID.NotFound", {"Addresses": [{}]})
    ec2.associate_address = refusing("InvalidAllocationID.NotFound", "InvalidInstanceID.NotFound", {})
    ec2.get_paginator = lambda _: SimpleNamespace(paginate=lambda **_: [])
    address.MoveAddress().run(state)
    assert ec2.changes == ["203.0.113.1 is associated with i-new"]


def test_a_new_volume_is_attached_to_a_new_instance(ec2: Any) -> None:
    free = {"State": "available", "Attachments": []}
    used = {"State": "in-use", "Attachments": [{"InstanceId": "i-new", "State": "attached"}]}
    ec2.describe_volumes = refusing({"Volumes": [free]}, {"Volumes": [free]}, {"Volumes": [used]})
    ec2.attach_volume = refusing("InvalidVolume.NotFound", "InvalidInstanceID.NotFound", {})
    volume.attach(a_launch(ec2), "i-new")
    assert ec2.changes == ["attached vol-1 to i-new"]


def test_a_replacement_that_fails_early_terminates_its_new_instance(
    ec2: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = a_launch(ec2)
    state.committed = False
    state.address = Address("eipalloc-1", "203.0.113.1")
    state.report.note = ec2.changes.append
    ec2.terminate_instances = refusing("InvalidInstanceID.NotFound", {})
    ec2.associate_address = refusing({})
    for name in ("build.launch.replacement.wait_for_state", "build.launch.replacement.ensure_running"):
        monkeypatch.setattr(name, lambda *_, **__: None)
    monkeypatch.setattr(volume, "attach", lambda *_: None)
    AttachDataVolume().cleanup(state)
    assert ec2.changes == ["i-old is the hub's instance again; i-new is terminated"]
