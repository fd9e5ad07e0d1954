"""Let others launch the image that has passed: permissions of the image, and of its snapshots to copy it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build.aws import encryption
from build.bake.state import Bake, ImageCopy
from build.manifest import LaunchPermissions

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import CreateVolumePermissionTypeDef, LaunchPermissionTypeDef

_UNBLOCKED = "unblocked"


def check(state: Bake | ImageCopy) -> None:
    """An account may forbid public images, or encrypt them: EC2 would say so only at the end.

    Raises ManifestError.
    """
    _check_encryption(state)
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


def _check_encryption(state: Bake | ImageCopy) -> None:
    """What the manifest wants unencrypted is encrypted all the same where EBS does so by default."""
    wanted, ec2 = state.manifest.publish.launch_permissions, state.clients.ec2
    if not wanted.named or state.manifest.builder.root_volume.encrypted or not encryption.by_default(ec2):
        return
    region = state.clients.cloud.region
    where = f"the account encrypts every new volume in {region} (EBS encryption by default)"
    off = f"`aws ec2 disable-ebs-encryption-by-default --region {region}` ends that"
    if wanted.is_public:
        message = f"{where}, and EC2 makes no encrypted image public: {off}"
    elif encryption.default_key_is_aws(ec2):
        message = (
            f"{where} with AWS's own key, and EC2 does not share what that has encrypted: {off}; or name a "
            "key of yours that those accounts may use (builder.root_volume.encrypted: true, kms_key_id)"
        )
    else:
        return
    raise state.manifest.problem(("builder", "root_volume", "encrypted"), message)


def share(state: Bake | ImageCopy) -> None:
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
