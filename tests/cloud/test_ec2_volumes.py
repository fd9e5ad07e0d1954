"""Volumes and snapshots as a customer sees them; what is on them is written and read by a guest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cloud.customer import FAST, Customer, refused, until

pytestmark = pytest.mark.vm

ZONE = "us-east-1a"


@pytest.fixture(scope="module")
def instance(cloud: Customer) -> Iterator[dict[str, Any]]:
    data = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "DeleteOnTermination": True}}
    with cloud.instance(BlockDeviceMappings=[data]) as instance:
        yield instance


@pytest.fixture
def volume(ec2: Any) -> Iterator[str]:
    """An empty volume of 1 GiB, gone afterwards."""
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "for", "Value": "test"}]}]
    volume_id = ec2.create_volume(AvailabilityZone=ZONE, Size=1, VolumeType="gp3", TagSpecifications=tags)["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume_id], WaiterConfig=FAST)
    yield volume_id
    remove(ec2, volume_id)


def remove(ec2: Any, volume_id: str) -> None:
    if look(ec2, volume_id)["Attachments"]:
        ec2.detach_volume(VolumeId=volume_id)
        ec2.get_waiter("volume_available").wait(VolumeIds=[volume_id], WaiterConfig=FAST)
    ec2.delete_volume(VolumeId=volume_id)


def look(ec2: Any, volume_id: str) -> dict[str, Any]:
    found: dict[str, Any] = ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]
    return found


def attach(ec2: Any, volume_id: str, instance: dict[str, Any], device: str = "/dev/sdh") -> None:
    reply = ec2.attach_volume(VolumeId=volume_id, InstanceId=instance["InstanceId"], Device=device)
    assert reply["State"] == "attaching"
    until(lambda: look(ec2, volume_id)["Attachments"][0]["State"] == "attached", 120, "the attachment")  # 90 s are given to a guest that boots


def disk(volume_id: str) -> str:
    """A shell expression for the guest's name of a volume, found by its serial; the guest may need a moment to see it."""
    look = f"grep -l {volume_id.replace('-', '')} /sys/block/*/serial"
    return f"/dev/$(for _ in $(seq 60); do {look} && break; sleep 1; done | cut -d/ -f4)"


def test_a_volume_is_made_with_its_tags(ec2: Any, volume: str) -> None:
    found = look(ec2, volume)
    assert (found["Size"], found["VolumeType"], found["Iops"], found["Throughput"]) == (1, "gp3", 3000, 125)
    assert found["State"] == "available"
    assert found["Tags"] == [{"Key": "for", "Value": "test"}]


def test_attached_while_the_machine_runs_written_detached_and_read_elsewhere(
    ec2: Any, cloud: Customer, instance: dict[str, Any], volume: str
) -> None:
    attach(ec2, volume, instance)
    found = look(ec2, volume)
    assert found["State"] == "in-use"
    assert (found["Attachments"][0]["Device"], found["Attachments"][0]["DeleteOnTermination"]) == ("/dev/sdh", False)
    devices = cloud.look(instance["InstanceId"])["BlockDeviceMappings"]
    assert {"/dev/xvda", "/dev/sdf", "/dev/sdh"} == {device["DeviceName"] for device in devices}
    cloud.ssh(instance, f"echo written-by-a-guest > {disk(volume)} && sync")

    ec2.detach_volume(VolumeId=volume)
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig=FAST)
    assert cloud.ssh(instance, f"grep -l {volume.replace('-', '')} /sys/block/*/serial || echo gone").strip() == "gone"
    attach(ec2, volume, instance, "/dev/sdi")
    assert cloud.ssh(instance, f"head -n1 {disk(volume)}") == "written-by-a-guest\n"


def test_a_snapshot_holds_what_was_there_when_it_was_taken(ec2: Any, cloud: Customer, instance: dict[str, Any], volume: str) -> None:
    attach(ec2, volume, instance)
    cloud.ssh(instance, f"echo before > {disk(volume)} && sync")
    tags = [{"ResourceType": "snapshot", "Tags": [{"Key": "for", "Value": "test"}]}]
    made = ec2.create_snapshot(VolumeId=volume, Description="live", TagSpecifications=tags)
    assert (made["State"], made["VolumeId"], made["VolumeSize"]) == ("pending", volume, 1)
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[made["SnapshotId"]], WaiterConfig=FAST)
    cloud.ssh(instance, f"echo after > {disk(volume)} && sync")

    larger = ec2.create_volume(AvailabilityZone=ZONE, SnapshotId=made["SnapshotId"], Size=2)["VolumeId"]
    try:
        attach(ec2, larger, instance, "/dev/sdj")
        assert cloud.ssh(instance, f"head -n1 {disk(larger)}; head -n1 {disk(volume)}") == "before\nafter\n"
        assert cloud.ssh(instance, f"cat /sys/class/block/$(basename {disk(larger)})/size").strip() == str(2 << 21)
        snapshot = ec2.describe_snapshots(OwnerIds=["self"], Filters=[{"Name": "volume-id", "Values": [volume]}])["Snapshots"][0]
        assert (snapshot["Progress"], snapshot["Tags"], snapshot["Description"]) == ("100%", [{"Key": "for", "Value": "test"}], "live")
    finally:
        remove(ec2, larger)
        ec2.delete_snapshot(SnapshotId=made["SnapshotId"])
    with refused("InvalidSnapshot.NotFound", f"The snapshot '{made['SnapshotId']}' does not exist."):
        ec2.describe_snapshots(SnapshotIds=[made["SnapshotId"]])


def test_what_a_volume_refuses(ec2: Any, instance: dict[str, Any], volume: str) -> None:
    used = instance["BlockDeviceMappings"][1]["Ebs"]["VolumeId"]
    root = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    instance_id = instance["InstanceId"]
    with refused("VolumeInUse", f"{used} is already attached to an instance"):
        ec2.attach_volume(VolumeId=used, InstanceId=instance_id, Device="/dev/sdz")
    with refused("VolumeInUse", f"Volume {used} is currently attached to {instance_id}"):
        ec2.delete_volume(VolumeId=used)
    with refused("InvalidParameterValue", "Attachment point /dev/sdf is already in use"):
        ec2.attach_volume(VolumeId=volume, InstanceId=instance_id, Device="/dev/sdf")
    with refused("OperationNotPermitted", f"Unable to detach root volume '{root}'"):
        ec2.detach_volume(VolumeId=root)
    with refused("IncorrectState", "is in the 'available' state"):
        ec2.detach_volume(VolumeId=volume)
    with refused("InvalidVolume.NotFound", "The volume 'vol-0' does not exist."):
        ec2.delete_volume(VolumeId="vol-0")
    with refused("MissingParameter", "size/snapshot"):
        ec2.create_volume(AvailabilityZone=ZONE)
    with refused("InvalidParameterValue", "VolumeType"):
        ec2.create_volume(AvailabilityZone=ZONE, Size=1, VolumeType="gp9")
    elsewhere = ec2.create_volume(AvailabilityZone="us-east-1b", Size=1)["VolumeId"]
    with refused("InvalidVolume.ZoneMismatch", "not in the same availability zone"):
        ec2.attach_volume(VolumeId=elsewhere, InstanceId=instance_id, Device="/dev/sdz")
    ec2.delete_volume(VolumeId=elsewhere)


def test_a_snapshot_of_a_volume_nobody_uses(ec2: Any, volume: str) -> None:
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig=FAST)
    with refused("InvalidBlockDeviceMapping", "is smaller than snapshot"):
        big = ec2.create_volume(AvailabilityZone=ZONE, Size=3)["VolumeId"]
        of_big = ec2.create_snapshot(VolumeId=big)["SnapshotId"]
        ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[of_big], WaiterConfig=FAST)
        ec2.delete_volume(VolumeId=big)
        try:
            ec2.create_volume(AvailabilityZone=ZONE, Size=2, SnapshotId=of_big)
        finally:
            ec2.delete_snapshot(SnapshotId=of_big)
    ec2.delete_snapshot(SnapshotId=snapshot)


def test_layers_go_when_nothing_stands_on_them(ec2: Any, cloud: Customer) -> None:
    # What other tests left may go meanwhile, so only what is new counts, whatever its name.
    before = {path.name for path in (cloud.folder / "layers").glob("*")}

    def added() -> set[str]:
        return {path.name for path in (cloud.folder / "layers").glob("*")} - before

    volume = ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig=FAST)
    ec2.delete_volume(VolumeId=volume)
    until(lambda: added() == {f"{volume}.qcow2"}, 10, "the head's removal")  # what the snapshot is made of
    ec2.delete_snapshot(SnapshotId=snapshot)
    until(lambda: not added(), 10, "the snapshot's removal")


def test_a_volume_may_outlive_its_instance_with_what_the_guest_wrote_last(ec2: Any, cloud: Customer) -> None:
    data = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "DeleteOnTermination": False}}
    with cloud.instance(BlockDeviceMappings=[data]) as first:
        kept = first["BlockDeviceMappings"][1]["Ebs"]["VolumeId"]
        # Not synced: terminating must give the guest the time to do so.
        cloud.ssh(first, f"echo survives > {disk(kept)}")
    assert look(ec2, kept)["State"] == "available"
    with cloud.instance() as second:
        attach(ec2, kept, second)
        assert cloud.ssh(second, f"head -n1 {disk(kept)}") == "survives\n"
        ec2.modify_instance_attribute(
            InstanceId=second["InstanceId"], BlockDeviceMappings=[{"DeviceName": "/dev/sdh", "Ebs": {"DeleteOnTermination": True}}]
        )
        assert look(ec2, kept)["Attachments"][0]["DeleteOnTermination"] is True
    with refused("InvalidVolume.NotFound"):
        ec2.describe_volumes(VolumeIds=[kept])
