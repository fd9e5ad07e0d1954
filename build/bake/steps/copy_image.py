"""The image in other regions: looked into before anything is made, copied when the image has passed."""

from __future__ import annotations

from build.aws import encryption, eventual, images, tags
from build.aws.session import in_region
from build.bake import launch_permissions
from build.bake.state import Bake, ImageCopy
from build.bake.steps.image import describing_tags, remove_images, snapshots_of
from build.bake.steps.preflight import check_name_free, check_parameter
from build.pipeline import Step


class CheckRegions(Step[Bake]):
    """Ask each region of publish.regions what can be known to go wrong there.

    Needs: base, inputs. Produces: copies, without images yet.
    """

    title = "check the other regions"

    def run(self, state: Bake) -> None:
        """Raises UserError for the first thing that cannot work, or what botocore raises."""
        for region in state.manifest.publish.regions:
            copy = ImageCopy(state.manifest, in_region(state.clients, region), state.report, state.image_name)
            check_name_free(copy)
            launch_permissions.check(copy)
            check_parameter(copy)
            if key := state.manifest.builder.root_volume.kms_key_id:
                copy.kms_key_arn = encryption.key_arn(copy.clients, "builder.root_volume.kms_key_id", key)
            state.copies.append(copy)


class CopyImage(Step[Bake]):
    """Copy the image to each region of publish.regions, and wait until all copies are available.

    Needs: image_id, copies. Produces: image_id and snapshot_ids of each copy.
    """

    title = "copy the image to other regions"
    makes_product = True

    def run(self, state: Bake) -> None:
        """Raises CloudError when EC2 says that a copy failed."""
        for copy in state.copies:
            copy.image_id = _begin(state, copy)
        for copy in state.copies:
            image = images.wait_until_available(
                copy.clients.ec2,
                copy.image_id,
                timeout_s=state.manifest.builder.timeouts.image_s,
                on_wait=state.report.waiting,
            )
            copy.snapshot_ids = snapshots_of(image)
            state.report.note(f"{copy.region}: image {copy.image_id}")

    def cleanup(self, state: Bake) -> None:
        """Remove the copies of a build that failed, unless somebody may use the image already."""
        if state.is_published:
            return
        for copy in state.copies:
            remove_images(state, copy.clients.ec2)


def _begin(state: Bake, copy: ImageCopy) -> str:
    """EC2 copies in the background. With the same token it makes one copy, however often it is asked."""
    encrypted = {"Encrypted": True, "KmsKeyId": copy.kms_key_arn} if copy.kms_key_arn else {}
    image_tags = {**state.run.given_tags, **state.manifest.image.tags, **describing_tags(state)}
    with eventual.creating():
        return copy.clients.ec2.copy_image(
            Name=state.image_name,
            Description=state.manifest.image.description,
            SourceImageId=state.image_id,
            SourceRegion=state.clients.cloud.region,
            ClientToken=f"{state.run.id}-{copy.region}",
            TagSpecifications=tags.specifications(image_tags, "image", "snapshot"),
            **encrypted,  # type: ignore[arg-type]  # the values of one dict have one type
        )["ImageId"]
