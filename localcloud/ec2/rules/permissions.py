"""Who else may launch an image or copy its snapshots, and what forbids it to be public.

Rules and words: ModifyImageAttribute, ModifySnapshotAttribute and "Block public access" in EC2's API
reference and user guides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error
from localcloud.ec2.models import LocalSnapshot
from localcloud.ec2.rules import images

Permissions = Sequence[Mapping[str, str]]
PUBLIC = {"Group": "all"}
UNBLOCKED, BLOCKED = "unblocked", "block-new-sharing"
_AWS_KEY = "alias/aws/ebs"


@dataclass(frozen=True)
class PermissionChange:
    """Permissions to add and to take away."""

    add: Permissions
    remove: Permissions


def check_image(backend: LocalBackend, image_id: str, change: PermissionChange) -> None:
    """Raises EC2's error when the image is another account's, or may not be shared so."""
    image = images.get(backend, image_id)
    if image.owner_id != backend.account_id and (change.add or change.remove):
        raise Ec2Error("AuthFailure", f"Not authorized for image:{image_id}")
    if PUBLIC in change.add and backend.image_block_public_access != UNBLOCKED:
        raise Ec2Error(
            "OperationNotPermitted",
            "You can't publicly share this image because block public access for AMIs is enabled for "
            "this account. To publicly share the"
            " image, you must call the DisableImageBlockPublicAccess API.",
        )
    for snapshot_id in image.snapshot_ids:
        _check_encryption(backend.snapshot(snapshot_id), change.add)


def change_snapshot(backend: LocalBackend, snapshot_id: str, change: PermissionChange) -> None:
    """ModifySnapshotAttribute."""
    snapshot = backend.snapshot(snapshot_id)
    if snapshot.owner_id != backend.account_id:
        raise Ec2Error("AuthFailure", f"Not authorized for resource: {snapshot_id}")
    if PUBLIC in change.add and backend.snapshot_block_public_access != UNBLOCKED:
        raise Ec2Error(
            "OperationNotPermitted", "Block public access for snapshots is enabled for this account."
        )
    _check_encryption(snapshot, change.add)
    backend.add_create_volume_permission(snapshot_id, _users(change.add), _groups(change.add))
    backend.remove_create_volume_permission(snapshot_id, _users(change.remove), _groups(change.remove))


def _check_encryption(snapshot: LocalSnapshot, added: Permissions) -> None:
    if not snapshot.encrypted or not added:
        return
    if PUBLIC in added:
        raise Ec2Error(
            "UnsupportedOperation", "Encrypted snapshots can't be shared publicly. Specify another snapshot."
        )
    if (snapshot.kms_key_id or _AWS_KEY).endswith(_AWS_KEY):
        raise Ec2Error(
            "InvalidParameter",
            "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot.",
        )


def _users(permissions: Permissions) -> list[str]:
    return [found["UserId"] for found in permissions if "UserId" in found]


def _groups(permissions: Permissions) -> list[str]:
    return [found["Group"] for found in permissions if "Group" in found]
