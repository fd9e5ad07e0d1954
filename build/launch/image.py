"""Which image the hub is to run from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build import image_contract
from build.aws import tags
from build.aws.errors import code_of
from build.aws.images import AVAILABLE
from build.bake.published import newest_published
from build.errors import UserError
from build.hubs import instances
from build.hubs.models import HubImage
from build.launch.state import LaunchState
from build.pipeline import Step

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef

    from build.aws.session import Clients
    from build.hubs.instances import HubInstance


class FindHubImage(Step[LaunchState]):
    """The image asked for, else the newest published one of the manifest.

    Produces: image.
    """

    title = "find the image"

    def run(self, state: LaunchState) -> None:
        """Raises UserError when there is none, or it is too old for what is wanted.

        A running hub needs no newer one.
        """
        state.image = self._find(state)
        state.report.note(f"image {state.image.id} ({state.image.name})")
        if state.image.version and (state.options.replace or not instances.of_hub(state.clients, state.hub)):
            for setting in state.options.settings_of_the_image:
                image_contract.require(setting, state.image.version, state.image.id, state.hub.domain)

    def _find(self, state: LaunchState) -> HubImage:
        if state.options.image_id:
            return described(state.clients, state.options.image_id, state.manifest.base.login_user)
        if newest := newest_published(state.manifest, state.clients, state.report.warn):
            return _facts(newest, state.manifest.base.login_user)
        running = instances.of_hub(state.clients, state.hub)
        if running:
            return of_instance(state, running[-1])
        name, channel = state.manifest.image.name, state.manifest.publish.channel
        raise UserError(
            f"no image {name} is published in channel {channel} in {state.clients.cloud.region}",
            hint=(
                f"`invoke build-ami --cloud {state.clients.cloud.name}` makes one; `invoke images` lists "
                "what there is"
            ),
        )


def described(clients: Clients, image_id: str, login_user: str) -> HubImage:
    """One image by id. Raises UserError when it is not there, or cannot be launched."""
    found = _listed(clients, image_id)
    if not found:
        raise UserError(
            f"there is no image {image_id} in {clients.cloud.region}",
            hint="`invoke images` lists what there is",
        )
    if found[0]["State"] != AVAILABLE:
        raise UserError(
            f"{image_id} is {found[0]['State']}, and only an image that is available can be launched",
            hint=f"aws ec2 wait image-available --image-ids {image_id}",
        )
    return _facts(found[0], login_user)


def of_instance(state: LaunchState, instance: HubInstance) -> HubImage:
    """The image an instance was launched from, which may have been deregistered meanwhile."""
    login_user = instance.login_user or state.manifest.base.login_user
    found = _listed(state.clients, instance.image_id)
    return (
        _facts(found[0], login_user)
        if found
        else HubImage(instance.image_id, "deregistered", "", login_user, "")
    )


def _listed(clients: Clients, image_id: str) -> list[ImageTypeDef]:
    try:
        return clients.ec2.describe_images(ImageIds=[image_id])["Images"]
    except ClientError as exc:
        if not code_of(exc).startswith("InvalidAMIID"):
            raise
        return []


def _facts(image: ImageTypeDef, login_user: str) -> HubImage:
    image_tags = tags.as_dict(image.get("Tags"))
    return HubImage(
        image["ImageId"],
        image.get("Name", ""),
        image.get("RootDeviceName", "/dev/xvda"),
        image_tags.get(tags.LOGIN_USER) or login_user,
        image.get("CreationDate", ""),
        image_tags.get(tags.VERSION, ""),
    )
