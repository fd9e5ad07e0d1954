"""Images: RegisterImage, DeregisterImage, DescribeImages (CreateImage is in create_image.py)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.ec2.models.instances import StateReason
from moto.ec2.utils import random_ami_id

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error, bad_value, missing_parameter
from localcloud.ec2.models import BlockDevice, LocalAmi, LocalInstance

Tags = Mapping[str, Mapping[str, str]]  # resource type -> key -> value

Filters = dict[str, list[str]]

_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")


@dataclass(frozen=True)
class RegisterRequest:
    """RegisterImage's parameters, by EC2's names."""

    name: str
    description: str = ""
    architecture: str = "i386"
    root_device_name: str | None = None
    mappings: tuple[Mapping[str, Any], ...] = ()
    boot_mode: str | None = None
    imds_support: str | None = None
    tags: Tags = field(default_factory=dict)


def usable(backend: LocalBackend, image_id: str) -> LocalAmi:
    """The image to launch from; raises EC2's error when it is malformed, unknown, gone or not available.

    EC2's words as https://github.com/hashicorp/packer/issues/12162 quotes them.
    """
    image = get(backend, image_id)
    if image.state != "available":
        raise Ec2Error("InvalidAMIID.Unavailable", f"AMI '{image_id}' is {image.state}, and cannot be run")
    return image


def available(backend: LocalBackend, image_id: str) -> LocalAmi:
    """The image to copy or to change; raises what `usable` raises.

    EC2's words as https://github.com/SUSE-Enceladus/ec2imgutils/issues/45 quotes them.
    """
    image = get(backend, image_id)
    if image.state != "available":
        raise Ec2Error(
            "InvalidAMIID.Unavailable",
            f"The AMI ID '{image_id}' is currently {image.state} and may not be used for this operation",
        )
    return image


def get(backend: LocalBackend, image_id: str) -> LocalAmi:
    """The image; raises EC2's error for a malformed, deregistered or unknown id."""
    if not re.fullmatch(r"ami-[0-9a-f]{8,17}", image_id):
        raise Ec2Error("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')
    if image_id in backend.deleted_amis:
        raise Ec2Error("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is no longer available")
    if image_id not in backend.amis:
        raise Ec2Error("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    return backend.amis[image_id]


def _check_name(backend: LocalBackend, name: str) -> None:
    if not _NAME.fullmatch(name):
        message = (
            "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', "
            "')', '.', '-', '/' and '_'"
        )
        raise Ec2Error("InvalidAMIName.Malformed", message)
    for image in backend.amis.values():
        if image.name == name and image.owner_id == backend.account_id and image.state != "failed":
            raise Ec2Error("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {image.id}")


def begin(backend: LocalBackend, instance: LocalInstance, name: str, description: str) -> LocalAmi:
    """A pending image of an instance, without its snapshots yet."""
    _check_name(backend, name)
    if instance.state not in ("running", "stopping", "stopped"):
        raise Ec2Error("IncorrectState", f"Instance '{instance.id}' is not in state 'running' or 'stopped'.")
    image = LocalAmi(backend, random_ami_id(), name, (), instance.root_device_name or "")
    image.description = description
    image.instance_id = instance.id
    image.source_image_id = instance.image_id
    image.architecture = instance.architecture or "x86_64"
    source = backend.amis.get(instance.image_id)
    image.imds_support = source.imds_support if source else None
    backend.amis[image.id] = image
    image.begin()
    return image


def fail(image: LocalAmi, reason: str) -> None:
    """It will never be available."""
    image.state = "failed"
    image.state_reason = StateReason(reason, reason.partition(":")[0])


def finish_pending(backend: LocalBackend) -> None:
    """Images whose snapshots are all taken become available; those with a failed one fail."""
    for image in backend.amis.values():
        if not image.is_to_be_finished:
            continue
        taken = [
            backend.snapshots[snapshot_id]
            for snapshot_id in image.snapshot_ids
            if snapshot_id in backend.snapshots
        ]
        if any(snapshot.status == "error" for snapshot in taken):
            fail(image, "Client.InternalError: a snapshot could not be taken")
        elif taken and not any(snapshot.is_to_be_taken for snapshot in taken):
            image.state = "available"


def register(backend: LocalBackend, request: RegisterRequest) -> LocalAmi:
    """RegisterImage from snapshots: pending for a while, also where all of them are completed."""
    _check_name(backend, request.name)
    devices = tuple(_device(backend, mapping) for mapping in request.mappings)
    root = request.root_device_name or next((found.device for found in devices if found.snapshot_id), None)
    if root is None:
        raise missing_parameter("rootDeviceName")
    if not any(found.device == root and found.snapshot_id for found in devices):
        raise Ec2Error("InvalidBlockDeviceMapping", f"The root device {root} has no snapshot")
    image = LocalAmi(backend, random_ami_id(), request.name, devices, root)
    image.description = request.description
    image.architecture = request.architecture
    image.boot_mode = request.boot_mode or "uefi"
    image.imds_support = request.imds_support
    image.state = "available"
    image.add_tags(dict(request.tags.get("image", {})))
    backend.amis[image.id] = image
    image.begin()
    return image


def _device(backend: LocalBackend, mapping: Mapping[str, Any]) -> BlockDevice:
    ebs = mapping.get("Ebs")
    if ebs is None:
        raise bad_value("The local cloud has EBS block devices only")
    snapshot = backend.snapshot(ebs["SnapshotId"]) if "SnapshotId" in ebs else None
    if snapshot and snapshot.status != "completed":
        raise Ec2Error("IncorrectState", f"Snapshot is in invalid state - {snapshot.status}")
    size = ebs.get("VolumeSize") or (snapshot.volume_size if snapshot else None)
    if size is None:
        raise missing_parameter("size or snapshotId")
    return BlockDevice(
        device=mapping["DeviceName"],
        snapshot_id=snapshot.id if snapshot else None,
        size=size,
        volume_type=ebs.get("VolumeType", "standard"),
        delete_on_termination=ebs.get("DeleteOnTermination", True),
        encrypted=snapshot.encrypted if snapshot else ebs.get("Encrypted", False),
        iops=ebs.get("Iops"),
        throughput=ebs.get("Throughput"),
    )


def copy(backend: LocalBackend, source: LocalAmi, name: str, description: str) -> LocalAmi:
    """CopyImage, without its snapshots' copies yet; the source may be another region's."""
    _check_name(backend, name)
    image = LocalAmi(backend, random_ami_id(), name, source.devices, source.root_device_name)
    image.description = description or source.description
    image.architecture, image.boot_mode, image.imds_support = (
        source.architecture,
        source.boot_mode,
        source.imds_support,
    )
    image.source_image_id = source.id
    image.state = "available"
    backend.amis[image.id] = image
    image.begin()
    return image


def deregister(backend: LocalBackend, image_id: str) -> LocalAmi:
    """DeregisterImage; instances that run from it go on."""
    image = get(backend, image_id)
    if image.owner_id != backend.account_id:
        raise Ec2Error("AuthFailure", f"Not authorized for image: {image_id}")
    del backend.amis[image_id]
    backend.deleted_amis.append(image_id)
    backend.tags.pop(image_id, None)
    return image


def describe(
    backend: LocalBackend, image_ids: Iterable[str], filters: Filters, owners: Iterable[str], users: list[str]
) -> list[LocalAmi]:
    """DescribeImages. An id that never existed is an error, whatever else is asked; one that was deregistered
    is left out.

    EC2 lists that one for a moment more, and has forgotten it some time after its last instance is terminated
    (API reference, DescribeImages).
    """
    wanted = list(image_ids)
    gone = set(backend.deleted_amis)
    if unknown := [
        found
        for found in wanted
        if found.startswith("ami-") and found not in gone and found not in backend.amis
    ]:
        raise Ec2Error("InvalidAMIID.NotFound", f"The image id '[{', '.join(unknown)}]' does not exist")
    for image_id in wanted:
        if image_id not in gone:
            get(backend, image_id)
    accounts = {backend.account_id if owner == "self" else owner for owner in owners}
    found: list[LocalAmi] = backend.describe_images(filters=filters, exec_users=users)  # type: ignore[assignment]  # ours only
    return [
        image
        for image in found
        if (not wanted or image.id in wanted)
        and not backend.is_hidden(image.id)
        and (not accounts or image.owner_id in accounts or image.owner_alias in accounts)
    ]
