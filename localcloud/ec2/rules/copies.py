"""CopyImage and CopySnapshot, within a region and from another region of the partition.

Rules: EC2 API reference, CopyImage and CopySnapshot. Both calls go to the region that gets the copy. A copy
is a name of its own for the same frozen layer, but it takes its time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from moto.ec2.utils import random_snapshot_id

from build.aws.regions import partition_of
from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error, invalid_value
from localcloud.ec2.models import BlockDevice, LocalAmi, LocalSnapshot, SourceVolume
from localcloud.ec2.rules import base_images, encryption, images
from localcloud.iam import regions

LIMIT = 20
"""Snapshots that an account copies to a region at once (EBS user guide, "Copy an Amazon EBS snapshot")."""


@dataclass(frozen=True)
class Encryption:
    """What is asked of the copy's encryption; an encrypted source makes an encrypted copy anyway."""

    encrypted: bool = False
    kms_key_id: str | None = None

    def check(self) -> None:
        """Raise EC2's error for a key without encryption."""
        if self.kms_key_id and not self.encrypted:
            raise Ec2Error(
                "InvalidParameterDependency",
                "The parameter KmsKeyId requires the parameter Encrypted to be set.",
            )


@dataclass(frozen=True)
class ImageCopy:
    """CopyImage's parameters beside its source."""

    name: str
    description: str = ""
    encryption: Encryption = Encryption()
    tags: images.Tags = field(default_factory=dict)
    copy_tags: bool = False


def source(backend: LocalBackend, region: str) -> LocalBackend:
    """EC2 of the region to copy from; raises EC2's error for one that this account cannot copy from."""
    if region == backend.region_name:
        return backend
    here, known = partition_of(backend.region_name), region in regions.served()
    if not known or partition_of(region) != here or not regions.is_enabled(region, backend.host.opted_in):
        raise invalid_value(region, "sourceRegion")
    found = backend.sibling(region)
    base_images.register_cached(found)
    return found


def copy_image(backend: LocalBackend, origin: LocalBackend, image_id: str, wanted: ImageCopy) -> LocalAmi:
    """CopyImage: pending, with snapshots of its own. Launch permissions are not copied."""
    original = images.available(origin, image_id)
    wanted.encryption.check()
    image = images.copy(backend, original, wanted.name, wanted.description)
    image.devices = tuple(_device(backend, origin, image, device, wanted) for device in original.devices)
    copied_tags = {tag["key"]: tag["value"] for tag in original.get_tags()} if wanted.copy_tags else {}
    image.add_tags(copied_tags | dict(wanted.tags.get("image", {})))
    if any(backend.snapshots[found].status == "error" for found in image.snapshot_ids):
        images.fail(image, "Client.InternalError: a snapshot could not be copied")
    return image


def _device(
    backend: LocalBackend, origin: LocalBackend, image: LocalAmi, device: BlockDevice, wanted: ImageCopy
) -> BlockDevice:
    if device.snapshot_id is None:
        return device
    described = (
        f"Copied for DestinationAmi {image.id} from SourceAmi {image.source_image_id} for SourceSnapshot "
        f"{device.snapshot_id}."
    )
    tags = wanted.tags.get("snapshot", {})
    made = _copy(backend, origin.snapshot(device.snapshot_id), described, tags, wanted.encryption)
    return replace(device, snapshot_id=made.id, encrypted=made.encrypted)


def copy_snapshot(
    backend: LocalBackend,
    original: LocalSnapshot,
    description: str,
    tags: Mapping[str, str],
    wanted: Encryption,
) -> LocalSnapshot:
    """CopySnapshot: pending; raises EC2's error when as many are being copied as may be."""
    wanted.check()
    if sum(found.is_copy and found.status == "pending" for found in backend.snapshots.values()) >= LIMIT:
        raise Ec2Error(
            "ResourceLimitExceeded",
            f"Too many snapshot copies in progress. The limit is {LIMIT} for this destination region.",
        )
    made = _copy(backend, original, description, tags, wanted)
    made.is_copy = True
    return made


def _copy(
    backend: LocalBackend,
    original: LocalSnapshot,
    description: str,
    tags: Mapping[str, str],
    wanted: Encryption,
) -> LocalSnapshot:
    if original.layer is None or original.status != "completed":
        raise Ec2Error("IncorrectState", f"Snapshot is in invalid state - {original.status}")
    encrypted = encryption.is_encrypted(backend, wanted.encrypted, original.encrypted)
    volume = SourceVolume("vol-ffffffff", original.volume_size, encrypted)
    made = LocalSnapshot(backend, random_snapshot_id(), volume, description)
    made.kms_key_id = encryption.key_arn(backend, wanted.kms_key_id) if encrypted else None
    made.add_tags(dict(tags))
    made.complete(original.layer)
    made.copy_data(backend.host.layers.actual_size(original.layer))
    if wanted.kms_key_id and not encryption.is_known(backend, wanted.kms_key_id):
        # EC2 looks the key up after it has answered.
        made.status, made.state_message = "error", "Given key ID is not accessible"
    backend.snapshots[made.id] = made
    return made
