"""CreateImage: an image, its snapshots and, unless it is told not to, a reboot of the instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.models import Attachment, BlockDevice, LocalAmi
from localcloud.ec2.rules import images, snapshots, volume_types


def create_image(
    backend: LocalBackend,
    instance_id: str,
    name: str,
    description: str,
    mappings: tuple[Mapping[str, Any], ...],
    tags: images.Tags,
    *,
    no_reboot: bool,
) -> LocalAmi:
    """A pending image of every volume of the instance; the snapshots are taken in the background.

    Where a snapshot of one of them was begun a moment ago, EC2 accepts the call and the image fails
    (https://github.com/boto/boto3/issues/1698).
    """
    instance = backend.instance(instance_id)
    left_out = {mapping["DeviceName"] for mapping in mappings if mapping.get("NoDevice") is not None}
    attached = [
        found for found in instance.attachments if found.device not in left_out and found.status == "attached"
    ]
    for found in attached:
        snapshots.check_pending(backend, found.volume)
    image = images.begin(backend, instance, name, description)
    image.add_tags(dict(tags.get("image", {})))
    if any(snapshots.is_too_soon(backend, found.volume) for found in attached):
        images.fail(image, "Server.InternalError: Internal error on creation")
        return image
    # Before any snapshot is asked for: the machine is to be off when the first one is taken.
    instance.reboot_wanted = instance.reboot_wanted or (not no_reboot and instance.state == "running")
    devices = {found.device: _device(backend, found, image.id, tags) for found in attached}
    for mapping in mappings:
        _overlay(devices, mapping)
    image.devices = tuple(devices.values())
    return image


def _device(backend: LocalBackend, attachment: Attachment, image_id: str, tags: images.Tags) -> BlockDevice:
    volume = attachment.volume
    description = f"Created by CreateImage({attachment.instance.id}) for {image_id}"
    snapshot = snapshots.create(backend, volume, description, tags.get("snapshot", {}))
    return BlockDevice(
        device=attachment.device,
        snapshot_id=snapshot.id,
        size=volume.size,
        volume_type=volume.volume_type,
        delete_on_termination=attachment.delete_on_termination,
        encrypted=volume.encrypted,
        iops=volume.iops,
        throughput=volume.throughput,
    )


def _overlay(devices: dict[str, BlockDevice], mapping: Mapping[str, Any]) -> None:
    """A mapping of the request changes how a volume will be made from the image, or adds an empty one."""
    ebs, name = mapping.get("Ebs"), mapping["DeviceName"]
    if ebs is None:
        return
    known = devices.get(name) or BlockDevice(name, None, volume_types.MIN_SIZE_GIB)
    devices[name] = replace(
        known,
        size=max(ebs.get("VolumeSize", known.size), known.size),
        volume_type=ebs.get("VolumeType", known.volume_type),
        delete_on_termination=ebs.get("DeleteOnTermination", known.delete_on_termination),
        iops=ebs.get("Iops", known.iops),
        throughput=ebs.get("Throughput", known.throughput),
    )
