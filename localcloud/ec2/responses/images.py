"""Images."""

from __future__ import annotations

from moto.core.responses import ActionResult

from localcloud.ec2.errors import Ec2Error, missing_parameter
from localcloud.ec2.responses.base import LocalActions
from localcloud.ec2.rules import base_images, copies, create_image, images, snapshots
from localcloud.ec2.rules.copies import Encryption, ImageCopy
from localcloud.ec2.rules.images import RegisterRequest


class ImageActions(LocalActions):
    """AMIs."""

    def create_image(self) -> ActionResult:
        """CreateImage."""
        self.error_on_dryrun()
        image = create_image.create_image(
            self.backend,
            self.text("InstanceId"),
            self._name(),
            self.text("Description"),
            tuple(self.values("BlockDeviceMappings")),
            self.tags(),
            no_reboot=self.flag("NoReboot"),
        )
        return ActionResult({"ImageId": image.id})

    def _name(self) -> str:
        if not self._get_param("Name"):
            raise missing_parameter("name")
        return self.text("Name")

    def register_image(self) -> ActionResult:
        """RegisterImage."""
        self.error_on_dryrun()
        request = RegisterRequest(
            name=self._name(),
            description=self.text("Description"),
            architecture=self._get_param("Architecture") or "i386",
            root_device_name=self.optional("RootDeviceName"),
            mappings=tuple(self.values("BlockDeviceMappings")),
            boot_mode=self.optional("BootMode"),
            imds_support=self.optional("ImdsSupport"),
            tags=self.tags(),
        )
        return ActionResult({"ImageId": images.register(self.backend, request).id})

    def copy_image(self) -> ActionResult:
        """CopyImage, also from another region."""
        self.error_on_dryrun()
        wanted = ImageCopy(
            self._name(),
            self.text("Description"),
            Encryption(self.flag("Encrypted"), self.optional("KmsKeyId")),
            self.tags(),
            copy_tags=self.flag("CopyImageTags"),
        )
        origin = copies.source(self.backend, self.text("SourceRegion"))
        image = copies.copy_image(self.backend, origin, self.text("SourceImageId"), wanted)
        return ActionResult({"ImageId": image.id})

    def deregister_image(self) -> ActionResult:
        """DeregisterImage, with its snapshots if asked."""
        self.error_on_dryrun()
        image = images.deregister(self.backend, self.text("ImageId"))
        results = []
        for snapshot_id in image.snapshot_ids if self.flag("DeleteAssociatedSnapshots") else []:
            try:
                snapshots.delete(self.backend, snapshot_id)
            except Ec2Error as refused:
                results.append(
                    {
                        "SnapshotId": snapshot_id,
                        "ReturnCode": "skipped" if "InUse" in refused.code else "internal-error",
                    }
                )
            else:
                results.append({"SnapshotId": snapshot_id, "ReturnCode": "success"})
        return ActionResult({"Return": True, "DeleteSnapshotResults": results})

    def describe_images(self) -> ActionResult:
        """DescribeImages; a base image that has appeared in the cache is listed from now on."""
        self.error_on_dryrun()
        base_images.register_cached(self.backend)
        found = images.describe(
            self.backend,
            self.values("ImageIds"),
            self.filters(),
            self.values("Owners"),
            self.values("ExecutableUsers"),
        )
        return ActionResult({"Images": found})
