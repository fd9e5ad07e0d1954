"""Volumes and snapshots as a client sees them; what is on them is written and read by a guest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.ec2.reconcile.volumes import GUEST_UP_S
from localcloud.faults import client as faults
from tests.cloud.conftest import open_cloud
from tests.cloud.ec2_client import FAST, Ec2Client, Key, refused, until

pytestmark = [pytest.mark.vm, pytest.mark.turn]

ZONE = "us-east-1a"


@pytest.fixture(scope="module")
def instance(cloud: Ec2Client) -> Iterator[dict[str, Any]]:
    data = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "DeleteOnTermination": True}}
    with cloud.instance(BlockDeviceMappings=[data]) as instance:
        yield instance


@pytest.fixture
def volume(ec2: Any) -> Iterator[str]:
    """An empty volume of 1 GiB, gone afterwards."""
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "for", "Value": "test"}]}]
    volume_id = ec2.create_volume(AvailabilityZone=ZONE, Size=1, VolumeType="gp3", TagSpecifications=tags)[
        "VolumeId"
    ]
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


def attach(cloud: Ec2Client, volume_id: str, instance: dict[str, Any], device: str = "/dev/sdh") -> None:
    """Attach to a guest that is up."""
    cloud.ssh(instance, "true")
    attach_to_any(cloud, volume_id, instance, device, within_s=30)


def attach_to_any(
    cloud: Ec2Client, volume_id: str, instance: dict[str, Any], device: str = "/dev/sdh", *, within_s: float
) -> None:
    ec2 = cloud.client("ec2")
    reply = ec2.attach_volume(VolumeId=volume_id, InstanceId=instance["InstanceId"], Device=device)
    assert reply["State"] == "attaching"
    until(lambda: look(ec2, volume_id)["Attachments"][0]["State"] == "attached", within_s, "the attachment")


def disk(volume_id: str) -> str:
    """A shell expression for the guest's name of a volume, found by its serial; the guest may need a moment
    to see it.
    """
    look = f"grep -l {volume_id.replace('-', '')} /sys/block/*/serial"
    return f"/dev/$(for _ in $(seq 60); do {look} && break; sleep 1; done | cut -d/ -f4)"


def test_a_volume_is_made_with_its_tags(ec2: Any, volume: str) -> None:
    found = look(ec2, volume)
    assert (found["Size"], found["VolumeType"], found["Iops"], found["Throughput"]) == (1, "gp3", 3000, 125)
    assert found["State"] == "available"
    assert found["Tags"] == [{"Key": "for", "Value": "test"}]


def test_attached_while_the_machine_runs_written_detached_and_read_elsewhere(
    ec2: Any, cloud: Ec2Client, instance: dict[str, Any], volume: str
) -> None:
    attach(cloud, volume, instance)
    found = look(ec2, volume)
    assert found["State"] == "in-use"
    assert (found["Attachments"][0]["Device"], found["Attachments"][0]["DeleteOnTermination"]) == (
        "/dev/sdh",
        False,
    )
    devices = cloud.look(instance["InstanceId"])["BlockDeviceMappings"]
    assert {"/dev/xvda", "/dev/sdf", "/dev/sdh"} == {device["DeviceName"] for device in devices}
    cloud.ssh(instance, f"echo written-by-a-guest > {disk(volume)} && sync")

    ec2.detach_volume(VolumeId=volume)
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig=FAST)
    assert (
        cloud.ssh(instance, f"grep -l {volume.replace('-', '')} /sys/block/*/serial || echo gone").strip()
        == "gone"
    )
    attach(cloud, volume, instance, "/dev/sdi")
    assert cloud.ssh(instance, f"head -n1 {disk(volume)}") == "written-by-a-guest\n"


def test_a_guest_that_overlooked_that_it_is_to_let_go_is_asked_again(
    ec2: Any, cloud: Ec2Client, instance: dict[str, Any], volume: str
) -> None:
    """As on EC2 the volume is "busy" for as long as the guest has it, and free as soon as it has not; nobody
    repeats the call.
    """
    attach(cloud, volume, instance)
    interrupt = "/sys/firmware/acpi/interrupts/gpe01"  # what QEMU's PCI hot plug controller raises
    cloud.ssh(instance, f"echo disable > {interrupt}")
    ec2.detach_volume(VolumeId=volume)
    until(lambda: look(ec2, volume)["Attachments"][0]["State"] == "busy", 60, "the guest's silence")
    assert look(ec2, volume)["State"] == "in-use"
    assert cloud.ssh(instance, f"ls {disk(volume)}")
    cloud.ssh(instance, f"echo clear > {interrupt}; echo enable > {interrupt}")  # the request is lost
    until(lambda: look(ec2, volume)["State"] == "available", 60, "the guest's letting go")
    assert (
        cloud.ssh(instance, f"grep -l {volume.replace('-', '')} /sys/block/*/serial || echo gone").strip()
        == "gone"
    )


def test_a_snapshot_holds_what_was_there_when_it_was_taken(
    ec2: Any, cloud: Ec2Client, instance: dict[str, Any], volume: str
) -> None:
    attach(cloud, volume, instance)
    cloud.ssh(instance, f"echo before > {disk(volume)} && sync")
    tags = [{"ResourceType": "snapshot", "Tags": [{"Key": "for", "Value": "test"}]}]
    made = ec2.create_snapshot(VolumeId=volume, Description="live", TagSpecifications=tags)
    assert (made["State"], made["VolumeId"], made["VolumeSize"]) == ("pending", volume, 1)
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[made["SnapshotId"]], WaiterConfig=FAST)
    cloud.ssh(instance, f"echo after > {disk(volume)} && sync")

    larger = ec2.create_volume(AvailabilityZone=ZONE, SnapshotId=made["SnapshotId"], Size=2)["VolumeId"]
    try:
        attach(cloud, larger, instance, "/dev/sdj")
        assert cloud.ssh(instance, f"head -n1 {disk(larger)}; head -n1 {disk(volume)}") == "before\nafter\n"
        assert cloud.ssh(instance, f"cat /sys/class/block/$(basename {disk(larger)})/size").strip() == str(
            2 << 21
        )
        snapshot = ec2.describe_snapshots(
            OwnerIds=["self"], Filters=[{"Name": "volume-id", "Values": [volume]}]
        )["Snapshots"][0]
        assert (snapshot["Progress"], snapshot["Tags"], snapshot["Description"]) == (
            "100%",
            [{"Key": "for", "Value": "test"}],
            "live",
        )
    finally:
        remove(ec2, larger)
        ec2.delete_snapshot(SnapshotId=made["SnapshotId"])
    with refused("InvalidSnapshot.NotFound", f"The snapshot '{made['SnapshotId']}' does not exist."):
        ec2.describe_snapshots(SnapshotIds=[made["SnapshotId"]])


def test_snapshots_of_all_volumes_of_an_instance_and_a_copy_of_one(
    ec2: Any, cloud: Ec2Client, instance: dict[str, Any]
) -> None:
    root, data = (mapping["Ebs"]["VolumeId"] for mapping in instance["BlockDeviceMappings"])
    of_instance = {"InstanceId": instance["InstanceId"]}
    cloud.ssh(instance, f"echo of-the-data-volume > {disk(data)} && sync")
    tags = [{"ResourceType": "snapshot", "Tags": [{"Key": "for", "Value": "test"}]}]
    # On a busy host they are completed too soon.
    faults.add(cloud.endpoint.url, [{"kind": "state", "change": "snapshot", "seconds": 3600}])
    both = ec2.create_snapshots(InstanceSpecification=of_instance, Description="all", TagSpecifications=tags)[
        "Snapshots"
    ]
    assert {(found["VolumeId"], found["Description"], found["Tags"][0]["Value"]) for found in both} == {
        (root, "all", "test"),
        (data, "all", "test"),
    }
    with refused("SnapshotCreationPerVolumeRateExceeded", "Use an increasing or variable sleep interval"):
        ec2.create_snapshots(InstanceSpecification=of_instance)
    faults.clear(cloud.endpoint.url)
    ec2.get_waiter("snapshot_completed").wait(
        SnapshotIds=[found["SnapshotId"] for found in both], WaiterConfig=FAST
    )
    (one,) = ec2.create_snapshots(InstanceSpecification={**of_instance, "ExcludeBootVolume": True})[
        "Snapshots"
    ]
    assert one["VolumeId"] == data
    (other,) = ec2.create_snapshots(InstanceSpecification={**of_instance, "ExcludeDataVolumeIds": [data]})[
        "Snapshots"
    ]
    assert other["VolumeId"] == root
    made = [found["SnapshotId"] for found in (*both, other, one)]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=made, WaiterConfig=FAST)
    copied = ec2.copy_snapshot(
        SourceSnapshotId=one["SnapshotId"], SourceRegion="us-east-1", Description="copy", Encrypted=True
    )
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[copied["SnapshotId"]], WaiterConfig=FAST)
    ec2.delete_snapshot(SnapshotId=one["SnapshotId"])
    (found,) = ec2.describe_snapshots(SnapshotIds=[copied["SnapshotId"]])["Snapshots"]
    assert (found["State"], found["Description"], found["Encrypted"]) == ("completed", "copy", True)
    volume = ec2.create_volume(AvailabilityZone=ZONE, SnapshotId=found["SnapshotId"])["VolumeId"]
    try:
        assert look(ec2, volume)["Encrypted"] is True
        attach(cloud, volume, instance)
        assert cloud.ssh(instance, f"head -n1 {disk(volume)}") == "of-the-data-volume\n"
    finally:
        remove(ec2, volume)
    with refused("InvalidSnapshot.NotFound"):
        ec2.copy_snapshot(SourceSnapshotId=found["SnapshotId"], SourceRegion="eu-west-1")
    for each in (*made[:3], found["SnapshotId"]):
        ec2.delete_snapshot(SnapshotId=each)


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


def test_layers_go_when_nothing_stands_on_them(ec2: Any, cloud: Ec2Client) -> None:
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


def test_a_volume_grows_under_a_running_guest(
    ec2: Any, cloud: Ec2Client, instance: dict[str, Any], volume: str
) -> None:
    attach(cloud, volume, instance)
    sectors = f"cat /sys/class/block/$(basename {disk(volume)})/size"
    assert cloud.ssh(instance, f"echo kept > {disk(volume)} && sync && {sectors}").strip() == str(1 << 21)
    # A snapshot in between, so that it is not the first layer that grows.
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig=FAST)

    reply = ec2.modify_volume(VolumeId=volume, Size=3, VolumeType="gp2")["VolumeModification"]
    assert (reply["ModificationState"], reply["OriginalSize"], reply["TargetSize"]) == ("modifying", 1, 3)
    assert (reply["OriginalVolumeType"], reply["TargetVolumeType"], reply["Progress"]) == ("gp3", "gp2", 0)
    until(lambda: modification(ec2, volume)["ModificationState"] == "optimizing", 10, "the growth")
    assert cloud.ssh(instance, f"{sectors}; head -n1 {disk(volume)}") == f"{3 << 21}\nkept\n"
    assert (look(ec2, volume)["Size"], look(ec2, volume)["VolumeType"]) == (3, "gp2")
    until(
        lambda: modification(ec2, volume)["ModificationState"] == "completed",
        10,
        "the end of the modification",
    )
    assert (modification(ec2, volume)["Progress"], modification(ec2, volume)["EndTime"] is not None) == (
        100,
        True,
    )

    second = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[second], WaiterConfig=FAST)
    sizes = {
        found["SnapshotId"]: found["VolumeSize"]
        for found in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    }
    assert (sizes[snapshot], sizes[second]) == (1, 3)
    for each in (snapshot, second):
        ec2.delete_snapshot(SnapshotId=each)


def modification(ec2: Any, volume_id: str) -> dict[str, Any]:
    found: dict[str, Any] = ec2.describe_volumes_modifications(VolumeIds=[volume_id])["VolumesModifications"][
        0
    ]
    return found


def test_what_a_modification_refuses_and_a_volume_of_nobody_grows(ec2: Any, volume: str) -> None:
    with refused("InvalidVolumeModification.NotFound", f"Modification for volume '{volume}' does not exist."):
        ec2.describe_volumes_modifications(VolumeIds=[volume])
    ec2.modify_volume(VolumeId=volume, Size=2)
    with refused("IncorrectModificationState", f"Volume {volume} cannot be modified in modification state "):
        ec2.modify_volume(VolumeId=volume, Size=3)
    until(
        lambda: modification(ec2, volume)["ModificationState"] == "completed",
        10,
        "the end of the modification",
    )
    assert look(ec2, volume)["Size"] == 2
    with refused("InvalidParameterValue", "New size cannot be smaller than existing size"):
        ec2.modify_volume(VolumeId=volume, Size=1)
    with refused("InvalidParameterCombination"):
        ec2.modify_volume(VolumeId=volume)
    with refused("InvalidParameterValue", "VolumeType"):
        ec2.modify_volume(VolumeId=volume, VolumeType="gp9")
    with refused("InvalidVolume.NotFound"):
        ec2.modify_volume(VolumeId="vol-0", Size=2)
    wanted = [
        {"Name": "modification-state", "Values": ["completed"]},
        {"Name": "target-size", "Values": ["2"]},
    ]
    assert volume in [
        found["VolumeId"]
        for found in ec2.describe_volumes_modifications(Filters=wanted)["VolumesModifications"]
    ]


def test_an_image_has_all_volumes_and_so_have_its_instances(ec2: Any, cloud: Ec2Client, volume: str) -> None:
    with cloud.instance() as instance:
        attach(cloud, volume, instance)
        cloud.ssh(instance, f"echo on-the-data-disk > {disk(volume)} && sync")
        image = ec2.create_image(InstanceId=instance["InstanceId"], Name="all-volumes", NoReboot=True)[
            "ImageId"
        ]
        ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig=FAST)
    devices = ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"]
    assert [(found["DeviceName"], found["Ebs"]["DeleteOnTermination"]) for found in devices] == [
        ("/dev/xvda", True),
        ("/dev/sdh", False),
    ]
    with cloud.instance(ImageId=image) as second:
        data = second["BlockDeviceMappings"][1]["Ebs"]
        assert (data["VolumeId"] != volume, data["DeleteOnTermination"]) == (True, False)
        assert cloud.ssh(second, f"head -n1 {disk(data['VolumeId'])}") == "on-the-data-disk\n"
    ec2.delete_volume(VolumeId=data["VolumeId"])
    ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)


def test_nvme_disks_are_plugged_in_and_grow_at_the_next_start(
    tmp_path: Path, tiny: object, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBSMITH_DISKS", "nvme")
    with open_cloud(tmp_path / "cloud", key) as cloud, cloud.instance() as instance:
        ec2, instance_id = cloud.client("ec2"), instance["InstanceId"]
        volume = ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
        serial = volume.replace("-", "")
        nvme = (
            f"for _ in $(seq 60); do grep -l {serial} /sys/block/nvme*/device/serial && break; sleep 1; "
            "done | cut -d/ -f4 | grep -v c"
        )
        attach(cloud, volume, instance)
        assert cloud.ssh(instance, f"cat /sys/block/$({nvme})/size").strip() == str(1 << 21)
        ec2.modify_volume(VolumeId=volume, Size=2)
        until(
            lambda: "reboot or stop it" in modification(ec2, volume).get("StatusMessage", ""),
            10,
            "the message",
        )
        assert (modification(ec2, volume)["ModificationState"], look(ec2, volume)["Size"]) == ("modifying", 1)
        ec2.reboot_instances(InstanceIds=[instance_id])
        until(lambda: look(ec2, volume)["Size"] == 2, 120, "the growth")
        assert cloud.ssh(instance, f"cat /sys/block/$({nvme})/size").strip() == str(2 << 21)
        assert "StatusMessage" not in modification(ec2, volume)
        ec2.detach_volume(VolumeId=volume)
        ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig=FAST)


def test_a_volume_may_outlive_its_instance_with_what_the_guest_wrote_last(ec2: Any, cloud: Ec2Client) -> None:
    data = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "DeleteOnTermination": False}}
    with cloud.instance(BlockDeviceMappings=[data]) as first:
        kept = first["BlockDeviceMappings"][1]["Ebs"]["VolumeId"]
        # Not synced: terminating must give the guest the time to do so.
        cloud.ssh(first, f"echo survives > {disk(kept)}")
    assert look(ec2, kept)["State"] == "available"
    with cloud.instance() as second:
        attach_to_any(cloud, kept, second, within_s=GUEST_UP_S + 30)  # it boots, and is given the time to
        assert cloud.ssh(second, f"head -n1 {disk(kept)}") == "survives\n"
        ec2.modify_instance_attribute(
            InstanceId=second["InstanceId"],
            BlockDeviceMappings=[{"DeviceName": "/dev/sdh", "Ebs": {"DeleteOnTermination": True}}],
        )
        assert look(ec2, kept)["Attachments"][0]["DeleteOnTermination"] is True
    with refused("InvalidVolume.NotFound"):
        ec2.describe_volumes(VolumeIds=[kept])
