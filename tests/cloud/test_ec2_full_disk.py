"""The host's disk is full: a clear refusal, nothing lost, machines that wait and go on with new space."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud import base_image
from localcloud.machine.machine import Machine
from localcloud.server import state_store
from tests.cloud.conftest import open_cloud
from tests.cloud.ec2_client import FAST, Ec2Client, Key, refused, until
from tests.cloud.test_ec2_restart import kill, reopened
from tests.cloud.test_ec2_volumes import ZONE, attach, disk

pytestmark = [
    pytest.mark.vm,
    pytest.mark.turn,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk"),
]

# 16 MiB in 128 pieces, each on the disk before the next, over 13 s at least.
WRITER = "for n in $(seq 128); do dd if=/dev/urandom of={disk} bs=128k seek=$n count=1; sync; sleep 0.1; done"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "hubsmith-test", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(folder: Path, name: str = "ballast") -> Path:
    """Take what is left, to the last block."""
    ballast = folder / name
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(1 << 16)):
            pass
    return ballast


def test_a_full_disk(small_disk: Path, tiny: base_image.BaseImage, key: Key) -> None:
    with open_cloud(small_disk / "cloud", key) as cloud:
        ec2 = cloud.client("ec2")
        with cloud.instance() as instance:
            data = ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
            attach(cloud, data, instance)
            spare = ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
            # It goes on writing, a little at a time. Nobody can log in later to start it: whatever the guest
            # itself writes next (its journal, at a moment of its own choice) makes it wait for space.
            cloud.ssh(
                instance, f"({WRITER.format(disk=disk(data))}; echo done > /run/written) >/dev/null 2>&1 &"
            )
            cloud = _full(cloud, instance["InstanceId"], data, spare, small_disk)
        cloud.client("ec2").delete_volume(VolumeId=data)


def _full(cloud: Ec2Client, instance_id: str, data: str, spare: str, folder: Path) -> Ec2Client:
    ec2, instance = cloud.client("ec2"), cloud.look(instance_id)
    ballast = fill(folder)
    # A guest that writes waits, however long it takes.
    machine = _machine(cloud, instance_id)
    until(lambda: machine.status() == "io-error", 60, "the wait for space")
    assert cloud.state(instance_id) == "running"
    with refused("InsufficientStorage", "The disk of the local cloud is full"):
        ec2.create_volume(AvailabilityZone=ZONE, Size=1)
    with refused("InsufficientStorage", f"{cloud.folder} has 0 MiB left"):
        cloud.run()
    assert len(ec2.describe_volumes()["Volumes"]) == 3
    ec2.delete_volume(VolumeId=spare)  # to remove something must be possible, and be kept
    assert (cloud.folder / state_store.FILE_NAME).stat().st_size > 1000

    # Neither is lost when the server is killed meanwhile, with not a block left.
    until(lambda: shutil.disk_usage(folder).free > 0, 30, "the end of the spare volume")
    rest = fill(folder, "rest")
    assert shutil.disk_usage(folder).free == 0
    kill(cloud)
    pickle.loads((cloud.folder / state_store.FILE_NAME).read_bytes().partition(b"\n")[2])
    cloud = reopened(cloud)
    ec2 = cloud.client("ec2")
    assert {volume["VolumeId"] for volume in ec2.describe_volumes()["Volumes"]} >= {data}
    assert spare not in str(ec2.describe_volumes())

    rest.unlink()
    ballast.unlink()
    assert (
        cloud.ssh(
            instance, "for _ in $(seq 60); do [ -e /run/written ] && break; sleep 1; done; cat /run/written"
        )
        == "done\n"
    )
    made = ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[made], WaiterConfig=FAST)
    ec2.delete_volume(VolumeId=made)
    ec2.detach_volume(VolumeId=data)
    ec2.get_waiter("volume_available").wait(VolumeIds=[data], WaiterConfig=FAST)
    return cloud


def _machine(cloud: Ec2Client, instance_id: str) -> Machine:
    from localcloud.ec2.host import Host

    return Host(cloud.folder).machine(instance_id)
