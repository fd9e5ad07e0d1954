"""Make the tested image the one to use: shared and tagged first, then the pointer; older images last."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from build.aws import eventual, parameters, tags
from build.aws.errors import explain
from build.bake.launch_permissions import share
from build.bake.published import PUBLISHED
from build.bake.state import Bake, ImageCopy
from build.pipeline import Step


class PublishImage(Step[Bake]):
    """Share the image as the manifest says, tag it and its snapshots, then point the SSM parameter to it.

    Its copies in other regions follow in the same way.

    Needs: image_id, snapshot_ids, copies. Produces: is_published.
    """

    title = "publish"

    def run(self, state: Bake) -> None:
        """The pointer is moved in one call: whoever reads it sees the old image or the new one.

        From then on nothing may remove the image, so what follows is a warning at most.
        """
        _share_and_tag(state)
        # before the call: an interrupt may come between it and its answer
        state.is_published = True
        try:
            _point(state)
        except ClientError:
            state.is_published = False  # it points to the old one
            raise
        _retire(state)
        for copy in state.copies:
            _publish_copy(copy)


def _publish_copy(copy: ImageCopy) -> None:
    try:
        # made a moment ago: not every call knows it yet
        eventual.retried(lambda: _share_and_tag(copy), what=f"{copy.image_id} in {copy.region}")
        _point(copy)
    except (ClientError, BotoCoreError) as exc:
        copy.report.warn(
            f"{copy.region}: the copy {copy.image_id} is not published: {explain(exc)}. What was published "
            "there before stays so until the next build"
        )
        return
    _retire(copy)


def _share_and_tag(state: Bake | ImageCopy) -> None:
    share(state)
    _tag(state)


def _tag(state: Bake | ImageCopy) -> None:
    publish, resources = state.manifest.publish, [state.image_id, *state.snapshot_ids]
    image_tags = {**publish.tags, tags.STATE: PUBLISHED, tags.CHANNEL: publish.channel}
    state.clients.ec2.create_tags(Resources=resources, Tags=tags.as_list(image_tags))
    # A published image has no expiry: what carries one is removed by sweep.
    state.clients.ec2.delete_tags(Resources=resources, Tags=[{"Key": tags.EXPIRES}])


def _point(state: Bake | ImageCopy) -> None:
    name = state.manifest.ssm_parameter
    if not name:
        return
    parameters.put(
        state.clients,
        name,
        state.image_id,
        f"the newest published {state.manifest.image.name} image",
        state.manifest.builder.tags,
    )
    state.report.note(f"{name} = {state.image_id}")


def _retire(state: Bake | ImageCopy) -> None:
    try:
        retire_others(state)
    except (ClientError, BotoCoreError) as exc:
        state.report.warn(
            f"older images have the channel {state.manifest.publish.channel} as well, until the next "
            f"build: {explain(exc)}"
        )


def retire_others(state: Bake | ImageCopy) -> None:
    """Take the channel from the images of the same name that had it before."""
    filters = [
        *tags.having(tags.IMAGE, state.manifest.image.name),
        *tags.having(tags.CHANNEL, state.manifest.publish.channel),
    ]
    images = state.clients.ec2.describe_images(Owners=["self"], Filters=filters)["Images"]
    others = [image["ImageId"] for image in images if image["ImageId"] != state.image_id]
    if others:
        state.clients.ec2.delete_tags(Resources=others, Tags=[{"Key": tags.CHANNEL}])
