"""What is on the disks of images, read by a tiny machine to which they are attached."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from localcloud.server import control
from tests.cloud.customer import Customer, Key, until
from tests.cloud.workshop import Workshop

_HASH = """
set -e
for disk in /sys/block/vd*; do
    [ "$(cat $disk/serial)" != {serial} ] || part=/dev/${{disk##*/}}2
done
mkdir -p /mnt/{serial}
mount -t ext4 -o ro,noload $part /mnt/{serial}
cd /mnt/{serial}
find . -type f -exec sha256sum {{}} +
find . -type l | while read -r link; do echo "$(readlink $link)  $link"; done
find . ! -type l -exec stat -c '%a:%u:%g  %n.mode' {{}} +
cd /
umount /mnt/{serial}
"""


def files_on(workshop: Workshop, folder: Path, *image_ids: str) -> list[dict[str, str]]:
    """For each image: path -> digest, target of a link, or (path.mode) mode and owner."""
    endpoint = control.find(workshop.state / "cloud")
    assert endpoint is not None
    customer = Customer(endpoint, workshop.state / "cloud", Key.make(folder / "id_ed25519"))
    ec2, found = customer.client("ec2"), []
    with customer.instance() as instance:
        customer.ssh(instance, "true", timeout_s=240)
        for letter, image_id in zip("fghij", image_ids, strict=False):
            image = ec2.describe_images(ImageIds=[image_id])["Images"][0]
            zone = instance["Placement"]["AvailabilityZone"]
            snapshot = image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
            volume_id = str(ec2.create_volume(SnapshotId=snapshot, AvailabilityZone=zone)["VolumeId"])
            ec2.attach_volume(
                VolumeId=volume_id, InstanceId=instance["InstanceId"], Device=f"/dev/sd{letter}"
            )
            until(functools.partial(_is_attached, ec2, volume_id), 120)
            said = customer.ssh(instance, _HASH.format(serial=volume_id.replace("-", "")))
            found.append(
                {name: value for value, _, name in (line.partition("  ") for line in said.splitlines())}
            )
            ec2.detach_volume(VolumeId=volume_id)
            until(functools.partial(_is_available, ec2, volume_id), 120)
            ec2.delete_volume(VolumeId=volume_id)
    ec2.delete_key_pair(KeyName="tests")
    return found


def _is_attached(ec2: Any, volume_id: str) -> bool:
    (volume,) = ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"]
    return bool(volume["Attachments"][0]["State"] == "attached")


def _is_available(ec2: Any, volume_id: str) -> bool:
    (volume,) = ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"]
    return bool(volume["State"] == "available")
