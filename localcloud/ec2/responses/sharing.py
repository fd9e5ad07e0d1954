"""Permissions of images and snapshots, and the account's blocks of public ones."""

from __future__ import annotations

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.responses import EC2Response

from localcloud.ec2.responses.base import LocalActions
from localcloud.ec2.rules import images, permissions
from localcloud.ec2.rules.permissions import BLOCKED, UNBLOCKED, PermissionChange


class SharingActions(LocalActions):
    """Attributes of images and snapshots."""

    def modify_image_attribute(self) -> ActionResult:
        """ModifyImageAttribute: description and IMDS support, which moto leaves out; permissions it keeps."""
        image = images.get(self.backend, self.text("ImageId"))
        self.error_on_dryrun()
        changes = {name: self._get_param(name) for name in ("Description", "ImdsSupport")}
        if self.text("Attribute") in ("description", "imdsSupport"):
            changes[self.text("Attribute")[0].upper() + self.text("Attribute")[1:]] = {
                "Value": self.text("Value")
            }
        permissions.check_image(self.backend, image.id, self._change("LaunchPermission", "UserGroups"))
        if changes["Description"] is not None:
            image.description = changes["Description"].get("Value", "")
        if changes["ImdsSupport"] is not None:
            image.imds_support = changes["ImdsSupport"].get("Value")
        return EC2Response.modify_image_attribute(self)  # type: ignore[arg-type]  # we are one

    def modify_snapshot_attribute(self) -> ActionResult:
        """ModifySnapshotAttribute, in both its spellings."""
        self.error_on_dryrun()
        permissions.change_snapshot(
            self.backend, self.text("SnapshotId"), self._change("CreateVolumePermission", "GroupNames")
        )
        return EmptyResult()

    def _change(self, parameter: str, groups: str) -> PermissionChange:
        """What is asked for as {Add, Remove}, or as OperationType with lists."""
        asked = self._get_param(parameter, {}) or {}
        listed = [{"Group": name} for name in self.values(groups)] + [
            {"UserId": name} for name in self.values("UserIds")
        ]
        adding, removing = (
            listed if self.text("OperationType") == kind else [] for kind in ("add", "remove")
        )
        return PermissionChange([*asked.get("Add", []), *adding], [*asked.get("Remove", []), *removing])

    def get_image_block_public_access_state(self) -> ActionResult:
        """GetImageBlockPublicAccessState."""
        self.error_on_dryrun()
        return ActionResult(
            {"ImageBlockPublicAccessState": self.backend.image_block_public_access, "ManagedBy": "account"}
        )

    def enable_image_block_public_access(self) -> ActionResult:
        """EnableImageBlockPublicAccess: at once, where EC2 takes minutes."""
        return self._image_block(BLOCKED)

    def disable_image_block_public_access(self) -> ActionResult:
        """DisableImageBlockPublicAccess."""
        return self._image_block(UNBLOCKED)

    def _image_block(self, state: str) -> ActionResult:
        self.error_on_dryrun()
        self.backend.image_block_public_access = state
        return ActionResult({"ImageBlockPublicAccessState": state})

    def get_snapshot_block_public_access_state(self) -> ActionResult:
        """GetSnapshotBlockPublicAccessState."""
        self.error_on_dryrun()
        return ActionResult({"State": self.backend.snapshot_block_public_access, "ManagedBy": "account"})

    def enable_snapshot_block_public_access(self) -> ActionResult:
        """EnableSnapshotBlockPublicAccess."""
        return self._snapshot_block(self.text("State"))

    def disable_snapshot_block_public_access(self) -> ActionResult:
        """DisableSnapshotBlockPublicAccess."""
        return self._snapshot_block(UNBLOCKED)

    def _snapshot_block(self, state: str) -> ActionResult:
        self.error_on_dryrun()
        self.backend.snapshot_block_public_access = state
        return ActionResult({"State": state})
