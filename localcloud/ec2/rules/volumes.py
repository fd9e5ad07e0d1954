"""Volumes: the rules.

The layers are made at once (a qcow2 costs milliseconds); attachments.py has what joins them to instances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from moto.ec2.utils import random_volume_id

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error, invalid_value, missing_parameter
from localcloud.ec2.models import LocalAmi, LocalVolume
from localcloud.ec2.rules import encryption, snapshots, volume_types


@dataclass(frozen=True)
class VolumeRequest:
    """CreateVolume's parameters, by EC2's names; size in GiB, None: the snapshot's."""

    size: int | None = None
    snapshot_id: str | None = None
    volume_type: str = "gp2"
    encrypted: bool = False
    kms_key_id: str | None = None
    iops: int | None = None
    throughput: int | None = None
    initialization_rate: int | None = None


@dataclass(frozen=True)
class Disk:
    """A volume to be made for an instance that is being launched."""

    device: str
    volume: VolumeRequest
    delete_on_termination: bool


def create(backend: LocalBackend, request: VolumeRequest, zone: str) -> LocalVolume:
    """Make a volume and its layer; raises EC2's errors before anything is made."""
    size = check(backend, request)
    if (found := backend.get_zone_by_name(zone)) is None:
        raise Ec2Error("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
    source = backend.snapshots[request.snapshot_id] if request.snapshot_id else None
    encrypted = encryption.is_encrypted(
        backend, request.encrypted, request.kms_key_id, source and source.encrypted
    )
    volume = LocalVolume(backend, random_volume_id(), size, found)  # type: ignore[abstract]  # moto's model is none at run time
    volume.snapshot_id = request.snapshot_id
    volume.encrypted = encrypted
    volume.kms_key_id = encryption.key_arn(backend, request.kms_key_id) if encrypted else None
    volume.volume_type = request.volume_type
    volume.iops = request.iops or volume_types.DEFAULT_IOPS.get(request.volume_type)
    volume.throughput = request.throughput or volume_types.DEFAULT_THROUGHPUT.get(request.volume_type)
    if source and source.layer:
        backend.host.layers.create_overlay(volume.layer, source.layer, size)
    else:
        backend.host.layers.create_blank(volume.layer, size)
    backend.volumes[volume.id] = volume
    backend.host.faults.begin("volume", volume.id)
    return volume


def check(backend: LocalBackend, request: VolumeRequest) -> int:
    """Raise EC2's error for a volume that cannot be made; returns its size in GiB."""
    if request.volume_type not in volume_types.TYPES:
        raise invalid_value(request.volume_type, "VolumeType")
    size = request.size
    if request.snapshot_id:
        snapshot = backend.snapshot(request.snapshot_id)
        if snapshot.status != "completed":
            raise Ec2Error("IncorrectState", f"Snapshot is in invalid state - {snapshot.status}")
        size = size or snapshot.volume_size
        if size < snapshot.volume_size:
            message = (
                f"Volume of size {size}GB is smaller than snapshot '{snapshot.id}', expect size >= "
                f"{snapshot.volume_size}GB"
            )
            raise Ec2Error("InvalidBlockDeviceMapping", message)
    if size is None:
        raise missing_parameter("size/snapshot")
    volume_types.check_size(size)
    if request.kms_key_id and not request.encrypted:
        raise Ec2Error(
            "InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set."
        )
    _check_rate(request)
    return size


def _check_rate(request: VolumeRequest) -> None:
    """VolumeInitializationRate: a volume is warm at once here, so it is only checked."""
    rate = request.initialization_rate
    if rate is None:
        return
    if not request.snapshot_id:
        raise Ec2Error(
            "InvalidParameterCombination",
            "VolumeInitializationRate is supported for volumes from snapshots only.",
        )
    if not 100 <= rate <= 300:
        raise invalid_value(rate, "VolumeInitializationRate", "Valid range: 100 - 300")


def plan_disks(
    backend: LocalBackend, image: LocalAmi, mappings: tuple[Mapping[str, Any], ...]
) -> tuple[Disk, ...]:
    """The disks of an instance: the image's mappings overlaid by the request's; all is checked, none made."""
    disks = {
        device.device: Disk(
            device.device,
            VolumeRequest(
                device.size,
                device.snapshot_id,
                device.volume_type,
                device.encrypted,
                None,
                device.iops,
                device.throughput,
            ),
            device.delete_on_termination,
        )
        for device in image.devices
    }
    for mapping in mappings:
        name = mapping.get("DeviceName")
        if not name:
            raise missing_parameter("deviceName")
        if mapping.get("NoDevice") is not None:
            disks.pop(name, None)
        elif "Ebs" in mapping:
            disks[name] = _overlaid(disks.get(name), name, mapping["Ebs"])
        else:
            raise Ec2Error("InvalidBlockDeviceMapping", f"The local cloud has no instance store for {name}")
    if image.root_device_name not in disks:
        raise Ec2Error(
            "InvalidBlockDeviceMapping", f"The root device {image.root_device_name} cannot be left out"
        )
    for disk in disks.values():
        check(backend, disk.volume)
    return tuple(disks.values())


def _overlaid(known: Disk | None, device: str, ebs: Mapping[str, Any]) -> Disk:
    # "Any additional EBS volumes that you attach at launch persist even after the instance terminates" (EC2
    # user guide).
    base = known or Disk(device, VolumeRequest(), delete_on_termination=False)
    volume_type = ebs.get("VolumeType", base.volume.volume_type)
    same_type = volume_type == base.volume.volume_type
    volume = replace(
        base.volume,
        size=ebs.get("VolumeSize", base.volume.size),
        snapshot_id=ebs.get("SnapshotId", base.volume.snapshot_id),
        volume_type=volume_type,
        encrypted=ebs.get("Encrypted", base.volume.encrypted),
        kms_key_id=ebs.get("KmsKeyId"),
        iops=ebs.get("Iops", base.volume.iops if same_type else None),
        throughput=ebs.get("Throughput", base.volume.throughput if same_type else None),
    )
    return Disk(device, volume, ebs.get("DeleteOnTermination", base.delete_on_termination))


def delete(backend: LocalBackend, volume_id: str) -> None:
    """DeleteVolume; its layer goes as soon as nothing stands on it."""
    volume = backend.volume(volume_id)
    if volume.attachment:
        raise Ec2Error(
            "VolumeInUse", f"Volume {volume.id} is currently attached to {volume.attachment.instance.id}"
        )
    snapshots.catch_up(backend, volume)  # one that was asked for just now
    del backend.volumes[volume.id]
    backend.tags.pop(volume.id, None)
    backend.enqueue_layer_gc()


def describe(
    backend: LocalBackend, volume_ids: list[str], filters: dict[str, list[str]]
) -> list[LocalVolume]:
    """DescribeVolumes."""
    for volume_id in volume_ids:
        backend.volume(volume_id)
    found: list[LocalVolume] = backend.describe_volumes(volume_ids or None, filters)  # type: ignore[assignment]  # ours only
    return [volume for volume in found if not backend.is_hidden(volume.id)]
