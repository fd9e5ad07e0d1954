"""Images and snapshots are pending first, and EC2's limits of snapshots hold; only QEMU is pretended."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from moto.core.utils import utcnow

from localcloud.ec2.errors import Ec2Error
from localcloud.ec2.models import LocalAmi, LocalSnapshot, LocalVolume
from localcloud.ec2.pace import GIB, Pace
from localcloud.ec2.rules import (
    attachments,
    copies,
    create_image,
    images,
    instances,
    permissions,
    run_instances,
    snapshots,
    volumes,
)
from localcloud.ec2.rules.copies import Encryption
from localcloud.ec2.rules.volumes import VolumeRequest
from localcloud.ec2.run_instances_request import LaunchRequest
from localcloud.faults.fault import Fault
from tests.localcloud.ec2.test_lifecycle import BASE, IMAGE, Life

ROOT = "/dev/xvda"
TOO_SOON, TOO_MANY = "SnapshotCreationPerVolumeRateExceeded", "ConcurrentSnapshotLimitExceeded"


class Clock:
    """Time that passes when the test says so."""

    now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("image", "snapshot"):
        monkeypatch.setattr(f"localcloud.ec2.models.{module}.time", SimpleNamespace(time=clock.time))
    return clock


@pytest.fixture
def life(clock: Clock) -> Iterator[Life]:
    life = Life()
    life.begin()
    life.host.pace = Pace(image_s=10, snapshot_s=20, snapshot_s_per_gib=30)
    with patch.object(snapshots, "EVERY_S", 15):  # undone before the life's own change of it
        yield life
    clock.now += 3600
    life.teardown()


def refusal(call: Any, *arguments: Any, **named: Any) -> tuple[str, str]:
    with pytest.raises(Ec2Error) as caught:
        call(*arguments, **named)
    return caught.value.code, caught.value.message


def registered(life: Life, name: str = "registered") -> LocalAmi:
    mapping = {"DeviceName": ROOT, "Ebs": {"SnapshotId": BASE}}
    return images.register(
        life.backend, images.RegisterRequest(name, architecture="x86_64", mappings=(mapping,))
    )


def a_volume(life: Life) -> LocalVolume:
    return volumes.create(life.backend, VolumeRequest(1), "us-east-1a")


def snapshot(life: Life, volume: LocalVolume) -> LocalSnapshot:
    """What CreateSnapshot does, and its layer is frozen."""
    snapshots.check_limits(life.backend, [volume])
    made = snapshots.create(life.backend, volume, "", {})
    while life.queue.waiting:
        life.queue.run(0)
    return made


def begun_before(life: Life, seconds: float) -> None:
    """Let every snapshot of the account have been begun so much earlier."""
    for made in life.backend.snapshots.values():
        made.start_time = utcnow() - timedelta(seconds=seconds)


def test_a_registered_image_is_pending_first_and_nothing_starts_from_it(life: Life, clock: Clock) -> None:
    image = registered(life)
    request = LaunchRequest(image.id, instance_type="t3.nano")
    assert image.state == "pending"
    assert refusal(run_instances.launch, life.backend, request) == (
        "InvalidAMIID.Unavailable",
        f"AMI '{image.id}' is pending, and cannot be run",
    )
    change = permissions.PermissionChange([{"UserId": "210987654321"}], [])
    assert refusal(permissions.check_image, life.backend, image.id, change) == (
        "InvalidAMIID.Unavailable",
        f"The AMI ID '{image.id}' is currently pending and may not be used for this operation",
    )
    clock.now += 10
    assert image.state == "available"
    assert run_instances.launch(life.backend, request).instances
    permissions.check_image(life.backend, image.id, change)


def test_a_fault_makes_a_registered_image_take_longer(life: Life, clock: Clock) -> None:
    life.host.faults.set(Fault("state", change="image", seconds=60))
    image = registered(life)
    clock.now += 10
    assert image.state == "pending"
    life.host.faults.clear()
    assert image.state == "available"


def test_a_restart_keeps_what_an_image_and_a_snapshot_have_still_to_wait(life: Life, clock: Clock) -> None:
    image, made = registered(life), snapshot(life, a_volume(life))
    life.kept = pickle.dumps(life.backend)
    life.the_server_is_killed_and_started(number=0, write=0, written=True)
    again, copy = life.backend.amis[image.id], life.backend.snapshots[made.id]
    assert again is not image
    assert (again.state, copy.status) == ("pending", "pending")
    clock.now += 21
    assert (again.state, copy.status) == ("available", "completed")


def test_what_was_kept_before_there_were_times_is_available(life: Life) -> None:
    for old in (life.backend.amis[IMAGE], life.backend.snapshots[BASE]):
        assert "pending_until" not in vars(old)
    assert (life.backend.amis[IMAGE].state, life.backend.snapshots[BASE].status) == (
        "available",
        "completed",
    )


def test_a_snapshot_is_pending_the_longer_the_more_there_is_to_copy(
    life: Life, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life.host.layers, "actual_size", lambda _: 2 * GIB)
    made = snapshot(life, a_volume(life))
    request = VolumeRequest(snapshot_id=made.id)
    clock.now += 79
    assert (made.status, made.layer is not None) == ("pending", True)
    assert refusal(volumes.create, life.backend, request, "us-east-1a")[0] == "IncorrectState"
    assert refusal(copies.copy_snapshot, life.backend, made, "", {}, Encryption())[0] == "IncorrectState"
    clock.now += 2
    assert made.status == "completed"
    assert volumes.create(life.backend, request, "us-east-1a").snapshot_id == made.id


def test_the_second_snapshot_of_a_volume_waits_for_15_seconds_or_the_end_of_the_first(
    life: Life, clock: Clock
) -> None:
    volume = a_volume(life)
    snapshot(life, volume)
    assert refusal(snapshot, life, volume) == (
        TOO_SOON,
        "The maximum per volume CreateSnapshot request rate has been exceeded. Use an increasing or variable "
        "sleep interval between requests.",
    )
    assert snapshot(life, a_volume(life)).status == "pending"  # another one's
    begun_before(life, 15)
    snapshot(life, volume)
    assert refusal(snapshot, life, volume)[0] == TOO_SOON
    clock.now += 21  # both are copied
    snapshot(life, volume)


def test_no_more_than_five_snapshots_of_a_volume_are_pending(life: Life, clock: Clock) -> None:
    volume = a_volume(life)
    for _ in range(5):
        snapshot(life, volume)
        begun_before(life, 15)
    assert refusal(snapshot, life, volume) == (
        TOO_MANY,
        "Maximum allowed in-progress snapshots for a single volume exceeded.",
    )
    clock.now += 21
    snapshot(life, volume)


def test_a_slow_volume_has_one_pending_snapshot(life: Life) -> None:
    volume = a_volume(life)
    volume.volume_type = "st1"
    snapshot(life, volume)
    begun_before(life, 15)
    assert refusal(snapshot, life, volume)[0] == TOO_MANY


def an_image(life: Life) -> LocalAmi:
    (instance,) = life.backend.local_instances()
    name = f"image {len(life.backend.amis)}"
    made = create_image.create_image(life.backend, instance.id, name, "", (), {}, no_reboot=True)
    while life.queue.waiting:
        life.queue.run(0)
    return made


def test_an_image_of_an_instance_counts_as_a_snapshot_of_its_volumes(life: Life, clock: Clock) -> None:
    life.launches(with_data=False, kept=False)
    life.come_to_rest()
    (root,) = [found for found in life.backend.volumes.values() if found.attachment]
    made = an_image(life)
    assert made.state == "pending"
    assert refusal(snapshot, life, root)[0] == TOO_SOON
    clock.now += 10
    assert made.state == "pending"  # its snapshot is copied
    clock.now += 11
    assert made.state == "available"
    # EC2 takes the call, and the image fails
    snapshot(life, root)
    too_soon = an_image(life)
    assert (too_soon.state, too_soon.devices) == ("pending", ())
    clock.now += 10
    assert too_soon.state == "failed"
    assert too_soon.state_reason is not None
    assert too_soon.state_reason.code == "Server.InternalError"
    for _ in range(4):
        begun_before(life, 15)
        snapshot(life, root)
    begun_before(life, 15)
    known = len(life.backend.amis)
    assert refusal(an_image, life)[0] == TOO_MANY
    assert len(life.backend.amis) == known
    images.deregister(life.backend, too_soon.id)


def test_a_deregistered_image_is_left_out_and_one_that_never_was_is_an_error(life: Life) -> None:
    image, never = registered(life), "ami-0aaaaaaaaaaaaaaaa"

    def listed(*ids: str) -> list[str]:
        return [found.id for found in images.describe(life.backend, ids, {}, (), [])]

    images.deregister(life.backend, image.id)
    assert listed(image.id) == []
    assert listed(image.id, IMAGE) == [IMAGE]
    assert refusal(listed, image.id, never) == (
        "InvalidAMIID.NotFound",
        f"The image id '[{never}]' does not exist",
    )
    request = LaunchRequest(image.id, instance_type="t3.nano")
    assert refusal(run_instances.launch, life.backend, request)[0] == "InvalidAMIID.Unavailable"
    life.kept = pickle.dumps(life.backend)
    life.the_server_is_killed_and_started(number=0, write=0, written=True)
    assert listed(image.id) == []


def test_a_volume_that_is_still_attaching_is_not_mapped(life: Life) -> None:
    life.launches(with_data=False, kept=False)
    life.come_to_rest()
    (instance,) = life.backend.local_instances()
    attachments.attach(life.backend, a_volume(life).id, instance.id, "/dev/sdf")
    keep = [{"DeviceName": "/dev/sdf", "Ebs": {"DeleteOnTermination": True}}]
    assert refusal(instances.keep_on_termination, life.backend, instance.id, keep) == (
        "InvalidInstanceAttributeValue",
        "No device is currently mapped at /dev/sdf",
    )
    life.come_to_rest()
    instances.keep_on_termination(life.backend, instance.id, keep)
    assert instance.block_device_mapping["/dev/sdf"].delete_on_termination
