"""Let others launch the image that has passed: permissions of the image, and of its snapshots to copy it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build.bake.state import Bake
from build.manifest import LaunchPermissions

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import CreateVolumePermissionTypeDef, LaunchPermissionTypeDef

_UNBLOCKED = "unblocked"


def check(state: Bake) -> None:
    """An account may forbid public images: EC2 would say so only at the end. Raises ManifestError."""
    if not state.manifest.publish.launch_permissions.is_public:
        return
    ec2, region = state.clients.ec2, state.clients.cloud.region
    blocks = {
        "image": ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"],
        "snapshot": ec2.get_snapshot_block_public_access_state()["State"],
    }
    if blocked := [kind for kind, found in blocks.items() if found != _UNBLOCKED]:
        commands = " and ".join(
            f"`aws ec2 disable-{kind}-block-public-access --region {region}`" for kind in blocked
        )
        message = (
            f"the account blocks public {' and '.join(f'{kind}s' for kind in blocked)} in {region}: "
            f"{commands} allows them"
        )
        raise state.manifest.problem(("publish", "launch_permissions", "user_groups"), message)


def share(state: Bake) -> None:
    """Give the permissions that the manifest asks for. Raises what botocore raises."""
    wanted = state.manifest.publish.launch_permissions
    if not wanted.named:
        return
    state.clients.ec2.modify_image_attribute(
        ImageId=state.image_id, LaunchPermission={"Add": launch_permissions(wanted)}
    )
    if copiers := copy_permissions(wanted):
        for snapshot_id in state.snapshot_ids:
            state.clients.ec2.modify_snapshot_attribute(
                SnapshotId=snapshot_id,
                Attribute="createVolumePermission",
                CreateVolumePermission={"Add": copiers},
            )
    state.report.note(f"shared with {', '.join(wanted.named)}")


def launch_permissions(wanted: LaunchPermissions) -> list[LaunchPermissionTypeDef]:
    """As ModifyImageAttribute takes them."""
    permissions: list[LaunchPermissionTypeDef] = []
    permissions += ({"Group": name} for name in wanted.user_groups)
    permissions += ({"UserId": name} for name in wanted.user_ids)
    permissions += ({"OrganizationArn": name} for name in wanted.organization_arns)
    permissions += ({"OrganizationalUnitArn": name} for name in wanted.organizational_unit_arns)
    return permissions


def copy_permissions(wanted: LaunchPermissions) -> list[CreateVolumePermissionTypeDef]:
    """CopyImage reads snapshots: accounts need a permission for them, organizations cannot have one."""
    permissions: list[CreateVolumePermissionTypeDef] = []
    permissions += ({"Group": name} for name in wanted.user_groups)
    permissions += ({"UserId": name} for name in wanted.user_ids)
    return permissions
