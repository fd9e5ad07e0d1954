"""The image itself: stop the builder, create the AMI from it (CreateImage), wait until it is available."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws import eventual, images, snapshots, tags
from build.aws.errors import code_of
from build.aws.wait import wait_until
from build.bake.inputs.git import git_revision
from build.bake.inputs.tag_values import TAG_LIMIT
from build.bake.instances import root_volume_of, wait_for_state
from build.bake.state import Bake
from build.bake.watch import watched
from build.errors import CloudError
from build.pipeline import Step

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import ImageTypeDef

CANDIDATE = "candidate"
_LISTED_S = 60
"""After that EC2 lists what a call has made."""


class StopBuilder(Step[Bake]):
    """Stop it, so that the file system is whole when it is copied.

    Needs: builder.
    """

    title = "stop the builder"

    def run(self, state: Bake) -> None:
        """Raises CloudError."""
        state.builder_is_sealed = True
        state.clients.ec2.stop_instances(InstanceIds=[state.builder.id])
        with watched(state, [state.builder]):
            wait_for_state(
                state, state.builder.id, "stopped", timeout_s=state.manifest.builder.timeouts.stop_s
            )


class CreateImage(Step[Bake]):
    """Make the AMI, tagged as a candidate together with its snapshots, and wait until it is available.

    Needs: builder, base, inputs. Produces: image_id, snapshot_ids.
    """

    title = "create the image"
    makes_product = True

    def run(self, state: Bake) -> None:
        """Raises CloudError when EC2 says the image failed."""
        state.image_id = _create(state)
        image = wait_for_image(state)
        state.snapshot_ids = snapshots_of(image)
        state.report.note(f"image {state.image_id} ({state.image_name})")

    def cleanup(self, state: Bake) -> None:
        """Remove image and snapshots of a build that failed, unless somebody may use them already."""
        if state.is_published:
            state.report.note(f"{state.image_id} is published and stays")
            return
        remove_images(state, state.clients.ec2)


def _create(state: Bake) -> str:
    """Layers may still be copied: the limits of snapshots hold for an image, too."""
    ec2, timeout_s = state.clients.ec2, state.manifest.builder.timeouts.image_s
    image_tags = {**state.run.given_tags, **state.manifest.image.tags, **describing_tags(state)}
    # Asked before, as EC2 may take the call all the same, and then the image fails.
    snapshots.wait_until_allowed(
        ec2, root_volume_of(state, state.builder.id), timeout_s=timeout_s, on_wait=state.report.waiting
    )
    try:
        with eventual.creating():
            return snapshots.when_allowed(
                lambda: ec2.create_image(
                    InstanceId=state.builder.id,
                    Name=state.image_name,
                    Description=state.manifest.image.description,
                    TagSpecifications=tags.specifications(image_tags, "image", "snapshot"),
                ),
                what=state.image_name,
                timeout_s=timeout_s,
                on_wait=state.report.waiting,
            )["ImageId"]
    except ClientError as exc:
        # CreateImage has no client token: when its answer is lost, botocore's next try finds the name taken.
        if code_of(exc) != "InvalidAMIName.Duplicate" or not (found := _made_already(state)):
            raise
        return found


def _made_already(state: Bake) -> str:
    """The run's own image of that name, as soon as it is listed; empty if the name is another one's."""
    wanted = [*tags.having(tags.RUN, state.run.id), {"Name": "name", "Values": [state.image_name]}]

    def look() -> str:
        images = state.clients.ec2.describe_images(Owners=["self"], Filters=wanted)["Images"]  # type: ignore[arg-type]  # a list of the same dicts
        return images[0]["ImageId"] if images else ""

    try:
        return wait_until(look, bool, what=state.image_name, timeout_s=_LISTED_S)
    except CloudError:
        return ""


def describing_tags(state: Bake) -> dict[str, str]:
    """What the image is, for whoever finds it: kept on image and snapshots."""
    facts = {
        **state.run.own_tags,
        "Name": state.image_name,
        tags.IMAGE: state.manifest.image.name,
        tags.STATE: CANDIDATE,
        **state.inputs.tags(),
        tags.SINCE: state.since,
        tags.GIT: git_revision(state.manifest.folder) or "",
        tags.LOGIN_USER: state.base.login_user,
    }
    return {key: value[:TAG_LIMIT] for key, value in facts.items()}


def wait_for_image(state: Bake) -> ImageTypeDef:
    """Wait until the run's image is available; raises CloudError with EC2's reason if it never will be."""

    return images.wait_until_available(
        state.clients.ec2,
        state.image_id,
        timeout_s=state.manifest.builder.timeouts.image_s,
        on_wait=state.report.waiting,
    )


def snapshots_of(image: ImageTypeDef) -> tuple[str, ...]:
    """The ids of the snapshots behind an image."""
    return tuple(
        mapping["Ebs"]["SnapshotId"]
        for mapping in image["BlockDeviceMappings"]
        if "SnapshotId" in mapping.get("Ebs", {})
    )


def remove_images(state: Bake, ec2: EC2Client) -> None:
    """Deregister every image that the run has made in a region and delete its snapshots, found by tag."""
    mine = tags.having(tags.RUN, state.run.id)
    eventual.settle(state.report.waiting)
    for image in ec2.describe_images(Owners=["self"], Filters=mine)["Images"]:
        ec2.deregister_image(ImageId=image["ImageId"])
    for snapshot in ec2.describe_snapshots(OwnerIds=["self"], Filters=mine)["Snapshots"]:
        ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])
