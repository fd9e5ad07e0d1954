"""Make the tested image the one to use: shared and tagged first, then the pointer; older images last."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from build.aws import parameters, tags
from build.aws.errors import explain
from build.bake.launch_permissions import share
from build.bake.published import PUBLISHED
from build.bake.state import Bake
from build.pipeline import Step


class PublishImage(Step[Bake]):
    """Share the image as the manifest says, tag it and its snapshots, then point the SSM parameter to it.

    Needs: image_id, snapshot_ids. Produces: is_published.
    """

    title = "publish"

    def run(self, state: Bake) -> None:
        """The pointer is moved in one call: whoever reads it sees the old image or the new one.

        From then on nothing may remove the image, so what follows is a warning at most.
        """
        share(state)
        publish = state.manifest.publish
        image_tags = {**publish.tags, tags.STATE: PUBLISHED, tags.CHANNEL: publish.channel}
        state.clients.ec2.create_tags(
            Resources=[state.image_id, *state.snapshot_ids], Tags=tags.as_list(image_tags)
        )
        # A published image has no expiry: what carries one is removed by sweep.
        state.clients.ec2.delete_tags(
            Resources=[state.image_id, *state.snapshot_ids], Tags=[{"Key": tags.EXPIRES}]
        )
        # before the call: an interrupt may come between it and its answer
        state.is_published = True
        if state.manifest.ssm_parameter:
            self._point(state, state.manifest.ssm_parameter)
        try:
            retire_others(state)
        except (ClientError, BotoCoreError) as exc:
            state.report.warn(
                f"older images have the channel {state.manifest.publish.channel} as well, until the next "
                f"build: {explain(exc)}"
            )

    def _point(self, state: Bake, name: str) -> None:
        try:
            parameters.put(
                state.clients,
                name,
                state.image_id,
                f"the newest published {state.manifest.image.name} image",
                state.run.given_tags,
            )
        except ClientError:
            state.is_published = False  # it points to the old one
            raise
        state.report.note(f"{name} = {state.image_id}")


def retire_others(state: Bake) -> None:
    """Take the channel from the images of the same name that had it before."""
    filters = [
        *tags.having(tags.IMAGE, state.manifest.image.name),
        *tags.having(tags.CHANNEL, state.manifest.publish.channel),
    ]
    images = state.clients.ec2.describe_images(Owners=["self"], Filters=filters)["Images"]
    others = [image["ImageId"] for image in images if image["ImageId"] != state.image_id]
    if others:
        state.clients.ec2.delete_tags(Resources=others, Tags=[{"Key": tags.CHANNEL}])
