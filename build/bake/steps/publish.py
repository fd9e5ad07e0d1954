"""Make the tested image the one to use: shared and tagged first, the pointer last."""

from __future__ import annotations

from build.aws import tags
from build.bake.launch_permissions import share
from build.bake.state import Bake
from build.bake.steps.image import PUBLISHED
from build.pipeline import Step


class PublishImage(Step[Bake]):
    """Share the image as the manifest says, tag it and its snapshots, then point the SSM parameter to it.

    Needs: image_id, snapshot_ids.
    """

    title = "publish"

    def run(self, state: Bake) -> None:
        """The pointer is moved in one call at the end: whoever reads it sees the old image or the new one."""
        share(state)
        publish = state.manifest.publish
        marks = {**publish.tags, tags.STATE: PUBLISHED, tags.CHANNEL: publish.channel}
        state.clients.ec2.create_tags(
            Resources=[state.image_id, *state.snapshot_ids], Tags=tags.as_list(marks)
        )
        # A published image has no expiry: what carries one is removed by sweep.
        state.clients.ec2.delete_tags(
            Resources=[state.image_id, *state.snapshot_ids], Tags=[{"Key": tags.EXPIRES}]
        )
        if state.manifest.ssm_parameter:
            self._point(state, state.manifest.ssm_parameter)
        retire_others(state)

    def _point(self, state: Bake, name: str) -> None:
        state.clients.ssm.put_parameter(
            Name=name,
            Value=state.image_id,
            Type="String",
            Overwrite=True,
            Description=f"the newest published {state.manifest.image.name} image",
        )
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
