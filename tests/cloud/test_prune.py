"""invoke prune: old images and layers go with their snapshots; what is in use stays, however old."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.cloud.invoke_runner import InvokeRunner
from tests.cloud.project import Project

pytestmark = pytest.mark.vm
NAME = "pruned"


class Shelf:
    """Images with the tags a build puts on them, made of empty snapshots: retention looks no deeper."""

    def __init__(self, runner: InvokeRunner) -> None:
        self.ec2, self.ssm = runner.client("ec2"), runner.client("ssm")
        self.count = 0
        self.instances: list[str] = []

    def snapshot(self, tags: dict[str, str]) -> str:
        volume = self.ec2.create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
        marks = [
            {
                "ResourceType": "snapshot",
                "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            }
        ]
        found = str(self.ec2.create_snapshot(VolumeId=volume, TagSpecifications=marks)["SnapshotId"])
        self.ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[found], WaiterConfig={"Delay": 1})
        self.ec2.delete_volume(VolumeId=volume)
        return found

    def image(self, snapshot: str, tags: dict[str, str]) -> str:
        self.count += 1
        marks = [
            {"ResourceType": "image", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ]
        mapping = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]
        request = {
            "RootDeviceName": "/dev/xvda",
            "Architecture": "x86_64",
            "BlockDeviceMappings": mapping,
            "TagSpecifications": marks,
        }
        return str(self.ec2.register_image(Name=f"{NAME}-{self.count:03}", **request)["ImageId"])

    def run(self, image: str) -> str:
        """An instance of it, as soon as it can be launched."""
        self.ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig={"Delay": 1})
        made = self.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.nano")
        return str(made["Instances"][0]["InstanceId"])

    def published(self, **more: str) -> tuple[str, str]:
        tags = {
            "hubsmith:image": NAME,
            "hubsmith:state": "published",
            **{f"hubsmith:{key}": value for key, value in more.items()},
        }
        snapshot = self.snapshot(tags)
        return self.image(snapshot, tags), snapshot

    def layer(self, key: str, days: int) -> str:
        expires = (datetime.now(timezone.utc) + timedelta(days=days)).isoformat(timespec="seconds")
        return self.snapshot(
            {
                "hubsmith:state": "layer",
                "hubsmith:layer": key,
                "hubsmith:expires": expires,
                "Name": "hubsmith layer",
            }
        )

    def left(self) -> set[str]:
        images = self.ec2.describe_images(Owners=["self"])["Images"]
        snapshots = self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
        return {image["ImageId"] for image in images} | {snapshot["SnapshotId"] for snapshot in snapshots}

    def layers(self) -> set[str]:
        """Snapshots of builders that builds have kept, and the private images of them."""
        filters = [{"Name": "tag-key", "Values": ["hubsmith:layer", "hubsmith:layer-of"]}]
        images = self.ec2.describe_images(Owners=["self"], Filters=filters)["Images"]
        snapshots = self.ec2.describe_snapshots(OwnerIds=["self"], Filters=filters)["Snapshots"]
        return {image["ImageId"] for image in images} | {snapshot["SnapshotId"] for snapshot in snapshots}


@pytest.fixture
def shelf(runner: InvokeRunner) -> Iterator[Shelf]:
    shelf = Shelf(runner)
    before = shelf.left()
    yield shelf
    for instance in shelf.instances:
        shelf.ec2.terminate_instances(InstanceIds=[instance])
    for made in sorted(shelf.left() - before):  # "ami-" before "snap-"
        if made.startswith("ami-"):
            shelf.ec2.deregister_image(ImageId=made)
        else:
            shelf.ec2.delete_snapshot(SnapshotId=made)


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory, runner: InvokeRunner) -> Project:
    return Project.copy(tmp_path_factory.mktemp("prune") / "project", runner, NAME)


def decisions(found: list[dict[str, Any]]) -> dict[str, str]:
    return {row["id"]: ("keep: " if row["keep"] else "remove: ") + row["why"] for row in found}


def test_old_ones_go_with_their_snapshots_and_what_is_used_stays(project: Project, shelf: Shelf) -> None:
    plain, channel, parameter, shared, used = (shelf.published() for _ in range(5))
    newest = [shelf.published() for _ in range(2)]
    shelf.ec2.create_tags(Resources=[channel[0]], Tags=[{"Key": "hubsmith:channel", "Value": "stable"}])
    shelf.ssm.put_parameter(Name=f"/test/{NAME}/latest", Value=parameter[0], Type="String", Overwrite=True)
    permission = {"Add": [{"UserId": "210987654321"}]}
    shelf.ec2.modify_image_attribute(
        ImageId=shared[0], Attribute="launchPermission", LaunchPermission=permission
    )
    instance = shelf.run(used[0])
    shelf.instances.append(instance)
    two = ("--set", "retention.keep=2")

    before, layers = shelf.left(), shelf.layers()
    told = decisions(project.json("prune", "--dry-run", *two))
    assert told[plain[0]].startswith("remove: number 7 of its name, 0 days old")
    assert told[channel[0]] == "keep: published as channel stable"
    assert told[parameter[0]] == f"keep: in /test/{NAME}/latest"
    assert told[shared[0]] == "keep: shared with 1 account(s) or groups"
    assert told[used[0]] == f"keep: in use by {instance}"
    assert {told[image] for image, _ in newest} == {"keep: one of the newest 2"}
    assert shelf.left() == before

    assert (
        decisions(project.json("prune", "--dry-run", *two, "--set", "retention.younger_than_days=1"))[
            plain[0]
        ]
        == "keep: younger than 1 days"
    )
    asked = project.invoke("prune", *two)
    assert (asked.status, shelf.left()) == (2, before)
    assert "--yes" in asked.err
    done = project.invoke("prune", *two, "--yes")
    assert done.status == 0, done.err
    # Of other tests' layers and their images, prune takes those that have a newer twin; and nothing else.
    assert before - shelf.left() - layers == set(plain)
    assert "0 removed" in project.invoke("prune", *two, "--yes").err


def test_what_a_launch_template_names_stays_in_whatever_version_and_by_whatever_name(
    project: Project, shelf: Shelf
) -> None:
    default, latest, pinned, aliased, plain = (shelf.published() for _ in range(5))
    none = ("--set", "retention.keep=1", "--yes", "--json")
    newest = shelf.published()
    shelf.ssm.put_parameter(Name="/elsewhere/image", Value=aliased[0], Type="String", Overwrite=True)
    template = shelf.ec2.create_launch_template(
        LaunchTemplateName="hubs", LaunchTemplateData={"ImageId": pinned[0]}
    )["LaunchTemplate"]
    try:
        for image in (
            default[0],
            "resolve:ssm:/elsewhere/image",
            "resolve:ssm:/nowhere",
            "resolve:ssm:/aws/service/x",
            latest[0],
        ):
            shelf.ec2.create_launch_template_version(
                LaunchTemplateName="hubs", LaunchTemplateData={"ImageId": image}
            )
        shelf.ec2.modify_launch_template(LaunchTemplateName="hubs", DefaultVersion="2")
        told = decisions(project.json("prune", *none))
        assert {told[image] for image, _ in (default, latest, pinned, aliased)} == {
            "keep: in launch template hubs"
        }
        assert told[plain[0]].startswith("remove: number 2 of its name")
        assert shelf.left() >= {*default, *latest, *pinned, *aliased, *newest}
        assert shelf.left().isdisjoint(plain)
    finally:
        shelf.ec2.delete_launch_template(LaunchTemplateId=template["LaunchTemplateId"])
        shelf.ssm.delete_parameter(Name="/elsewhere/image")
    assert {
        told for told in decisions(project.json("prune", *none)).values() if told.startswith("remove")
    } != set()
    assert shelf.left().isdisjoint({*default, *latest, *pinned, *aliased})


def test_what_a_killed_prune_left_and_old_layers_go_too(project: Project, shelf: Shelf) -> None:
    image, orphan = shelf.published()
    shelf.ec2.deregister_image(ImageId=image)
    expired, older, newer, other = (
        shelf.layer("a" * 64, -1),
        shelf.layer("b" * 64, 5),
        shelf.layer("b" * 64, 6),
        shelf.layer("c" * 64, 1),
    )
    registered = shelf.image(expired, {"hubsmith:state": "layer"})
    builder = shelf.run(registered)
    assert decisions(project.json("prune", "--yes"))[expired] == f"keep: in use by {builder}"
    assert {expired, registered, newer, other} <= shelf.left()
    assert {orphan, older}.isdisjoint(shelf.left())
    shelf.ec2.terminate_instances(InstanceIds=[builder])
    shelf.ec2.get_waiter("instance_terminated").wait(InstanceIds=[builder], WaiterConfig={"Delay": 1})
    done = project.invoke("prune", "--yes", "--json")
    assert done.status == 0, done.err
    left = shelf.left()
    assert {orphan, expired, registered, older}.isdisjoint(left)
    assert {newer, other} <= left
