"""Which image to start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws import parameters, tags
from build.aws.errors import code_of
from build.aws.images import AVAILABLE, described
from build.bake.state import Bake, BaseImage
from build.bake.steps.image import snapshots_of
from build.bake.steps.preflight import find_placements
from build.errors import UserError
from build.manifest import Base
from build.pipeline import Step

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef

    from build.aws.session import Clients


class FindBaseImage(Step[Bake]):
    """Resolve ``base:`` of the manifest to one image.

    Produces: base.
    """

    title = "find the base image"

    def run(self, state: Bake) -> None:
        """Raises UserError when nothing matches or it cannot serve as a base."""
        state.base = find(state.clients, state.manifest.base)
        state.report.note(f"base image {state.base.id} ({state.base.name})")


class FindSourceImage(Step[Bake]):
    """Look an image up that is to be tested, and where its instances can be.

    Produces: base, placements, image_id, snapshot_ids.
    """

    title = "find the image"

    def __init__(self, image_id: str) -> None:
        self._image_id = image_id

    def run(self, state: Bake) -> None:
        """Raises UserError when there is none of that id, and as find_placements does."""
        here = state.manifest.base
        state.base = find(
            state.clients, Base(id=self._image_id, login_user=here.login_user, architecture=here.architecture)
        )
        state.image_id = state.base.id
        image = described(state.clients.ec2, state.image_id)
        state.snapshot_ids = snapshots_of(image) if image else ()
        state.placements = find_placements(state)


def find(clients: Clients, base: Base) -> BaseImage:
    """The image that ``base:`` means today: by id, by SSM parameter, or the newest of owner + name."""
    if base.id:
        return _described(clients, base, base.id)
    if base.ssm_parameter:
        return _described(clients, base, _from_parameter(clients, base.ssm_parameter))
    return _newest(clients, base)


def _newest(clients: Clients, base: Base) -> BaseImage:
    # Always with the owner: a name alone can match anyone's public image.
    images = clients.ec2.describe_images(
        Owners=[base.owner or ""],
        Filters=[
            {"Name": "name", "Values": [base.name or ""]},
            {"Name": "architecture", "Values": [base.architecture]},
            {"Name": "state", "Values": ["available"]},
        ],
    )["Images"]
    if not images:
        raise UserError(
            f"base: no image of owner {base.owner} is named {base.name}",
            hint=f"looked for {base.architecture} in {clients.cloud.region}",
        )
    return _facts(max(images, key=lambda image: image["CreationDate"]), base)


def _described(clients: Clients, base: Base, image_id: str) -> BaseImage:
    try:
        image = described(clients.ec2, image_id)
    except ClientError as exc:
        if not code_of(exc).startswith("InvalidAMIID"):
            raise
        image = None
    if image is None:
        raise UserError(f"base: there is no image {image_id} in {clients.cloud.region}")
    if image["State"] != AVAILABLE:
        raise UserError(
            f"base: {image_id} is {image['State']}, and only an image that is available can be launched",
            hint=f"aws ec2 wait image-available --image-ids {image_id}",
        )
    return _facts(image, base)


def _from_parameter(clients: Clients, name: str) -> str:
    value = parameters.value_of(clients, name)
    if value is None:
        raise UserError(f"base.ssm_parameter: there is no parameter {name} in {clients.cloud.region}")
    return value


def _facts(image: ImageTypeDef, base: Base) -> BaseImage:
    if image.get("Architecture") != base.architecture:
        raise UserError(
            f"base: {image['ImageId']} is {image.get('Architecture')}, not {base.architecture}",
            hint="set base.architecture",
        )
    root = next(
        (
            m["Ebs"]
            for m in image["BlockDeviceMappings"]
            if m.get("DeviceName") == image.get("RootDeviceName") and "Ebs" in m
        ),
        None,
    )
    if root is None:
        raise UserError(f"base: {image['ImageId']} has no EBS root volume, so no image can be made from it")
    return BaseImage(
        id=image["ImageId"],
        name=image.get("Name", ""),
        owner=image.get("OwnerId", ""),
        architecture=base.architecture,
        root_device=image["RootDeviceName"],
        root_size_gib=root.get("VolumeSize", 0),
        login_user=tags.as_dict(image.get("Tags")).get(tags.LOGIN_USER) or base.login_user,
    )
