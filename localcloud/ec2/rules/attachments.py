"""Volumes of instances: the rules of attaching and detaching.

Plugging them into a machine is reconcile/instance.py's.
"""

from __future__ import annotations

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error, bad_value, missing_parameter
from localcloud.ec2.models import Attachment, LocalInstance, LocalVolume


def bind(
    volume: LocalVolume, instance: LocalInstance, device: str, *, delete_on_termination: bool, status: str
) -> Attachment:
    """Record that a volume belongs to a device of an instance."""
    attachment = Attachment(
        volume, instance, device, delete_on_termination=delete_on_termination, status=status
    )  # type: ignore[abstract]
    volume.attachment = attachment
    instance.block_device_mapping[device] = attachment
    return attachment


def unbind(attachment: Attachment) -> None:
    """Record that it does not any more."""
    attachment.status = "detached"
    attachment.volume.attachment = None
    attachment.instance.block_device_mapping.pop(attachment.device, None)


def attach(backend: LocalBackend, volume_id: str, instance_id: str, device: str) -> Attachment:
    """AttachVolume; the machine gets it in the background."""
    volume, instance = backend.volume(volume_id), backend.instance(instance_id)
    if volume.attachment:
        raise Ec2Error("VolumeInUse", f"{volume.id} is already attached to an instance")
    if volume.status == "creating":
        raise Ec2Error("IncorrectState", f"{volume.id} is not 'available'.")
    if instance.state not in ("running", "stopped", "stopping"):
        raise Ec2Error("IncorrectState", f"Instance '{instance.id}' is not 'running'.")
    if volume.availability_zone != instance.placement.zone:
        message = f"The volume '{volume.id}' is not in the same availability zone as instance '{instance.id}'"
        raise Ec2Error("InvalidVolume.ZoneMismatch", message)
    if not device:
        raise missing_parameter("device")
    if device in instance.block_device_mapping:
        raise bad_value(
            f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
        )
    attachment = bind(volume, instance, device, delete_on_termination=False, status="attaching")
    backend.host.faults.begin("attached", volume.id)
    backend.enqueue_instance(instance.id)
    return attachment


def detach(backend: LocalBackend, volume_id: str, instance_id: str | None, device: str | None) -> Attachment:
    """DetachVolume; the guest lets go of it in the background."""
    volume = backend.volume(volume_id)
    attachment = volume.attachment
    if attachment is None:
        raise Ec2Error("IncorrectState", f"Volume '{volume.id}' is in the 'available' state.")
    instance = attachment.instance
    if (instance_id and backend.instance(instance_id) is not instance) or (
        device and device != attachment.device
    ):
        place = f"'{instance_id or instance.id}' as device '{device or attachment.device}'"
        raise Ec2Error(
            "InvalidAttachment.NotFound", f"The volume '{volume.id}' is not attached to instance {place}."
        )
    if attachment.device == instance.root_device_name and instance.state != "stopped":
        raise Ec2Error(
            "OperationNotPermitted",
            f"Unable to detach root volume '{volume.id}' from instance '{instance.id}'",
        )
    attachment.status = "detaching"
    backend.host.faults.begin("detached", volume.id)
    backend.enqueue_instance(instance.id)
    return attachment
