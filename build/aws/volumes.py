"""What more than one room asks of volumes: whether there is one, to attach it, and to wait for a state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws import eventual
from build.aws.errors import NOT_THERE, code_of
from build.aws.wait import wait_until
from build.errors import CloudError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import VolumeTypeDef

_TAKEN = ("VolumeInUse", "InvalidParameterValue")
"""The volume, or the device of the instance."""


def described(ec2: EC2Client, volume_id: str) -> VolumeTypeDef | None:
    """The volume now; None where EC2 does not list it."""
    return eventual.found(lambda: ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"])


def listed(ec2: EC2Client, volume_id: str) -> VolumeTypeDef:
    """A volume that there is, as soon as EC2 lists it. Raises CloudError."""
    return eventual.listed(lambda: ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"], what=volume_id)


def state_of(volume: VolumeTypeDef | None) -> str:
    """``available``, ``in-use``, …; that of the attachment while it is not ``attached``.

    EC2 calls a volume in-use as soon as AttachVolume has answered, and some calls do not see it on the
    instance before it is attached.
    """
    if volume is None:
        return NOT_THERE
    attachments = (str(found["State"]) for found in volume.get("Attachments", []))
    return next((state for state in attachments if state != "attached"), str(volume["State"]))


def attach(
    ec2: EC2Client,
    volume_id: str,
    instance_id: str,
    device: str,
    *,
    on_wait: Callable[[str], object] = lambda _: None,
) -> None:
    """Attach the volume, as soon as EC2 knows it and the instance. Raises what botocore raises.

    AttachVolume has no client token: botocore's next try after a lost answer is refused, because the volume
    is attached.
    """
    try:
        eventual.retried(
            lambda: ec2.attach_volume(VolumeId=volume_id, InstanceId=instance_id, Device=device),
            what=f"{volume_id} at {instance_id}",
            on_wait=on_wait,
        )
    except ClientError as exc:
        if code_of(exc) not in _TAKEN or _holder(described(ec2, volume_id)) != instance_id:
            raise


def _holder(volume: VolumeTypeDef | None) -> str | None:
    attachments = volume.get("Attachments", []) if volume else []
    return attachments[0].get("InstanceId") if attachments else None


def wait_for_state(
    ec2: EC2Client,
    volume_id: str,
    wanted: str,
    *,
    timeout_s: float,
    hint: str | None = None,
    on_wait: Callable[[str], object] = lambda _: None,
) -> None:
    """Wait until the volume is ``available``, or ``in-use`` and then attached. Raises CloudError."""
    hint = hint or "look at the volume in the EC2 console"
    seen = wait_until(
        lambda: state_of(described(ec2, volume_id)),
        lambda seen: seen in (wanted, "error"),
        what=volume_id,
        timeout_s=timeout_s,
        on_wait=on_wait,
        hint=hint,
    )
    if seen != wanted:
        raise CloudError(f"{volume_id} is {seen}", hint=hint)
