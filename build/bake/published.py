"""Which image of a manifest is the newest published one: decided here, for every command.

A build publishes an image twice: it gives it the channel, as a tag, and lets the SSM parameter hold its id.
The parameter is moved after that and in one call, so it decides. Where the two name different images (a build
was killed between the two, or somebody moved one of them by hand) the command warns, and names both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws import parameters, tags
from build.aws.errors import code_of
from build.manifest import Manifest

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef

    from build.aws.session import Clients

PUBLISHED = "published"
"""The state (tags.STATE) of an image that has passed its tests."""


@dataclass(frozen=True)
class Published:
    """A published image, as its tags describe it. ``created`` is ISO 8601 in UTC."""

    image_id: str
    marks: Mapping[str, str]
    created: str = ""


def newest_published(
    manifest: Manifest, clients: Clients, warn: Callable[[str], object]
) -> ImageTypeDef | None:
    """The published image that the manifest's SSM parameter names; without a parameter, the newest image that
    holds its channel. None before the first.

    A parameter that names no available image, or one of another channel, is passed over. ``warn`` gets a
    sentence when parameter and channel disagree. Raises what botocore raises.
    """
    images = _available(manifest, clients)
    in_channel = newest(image for image in images if _channel(image) == manifest.publish.channel)
    if manifest.ssm_parameter is None:
        return in_channel
    value, problem = _read(clients, manifest.ssm_parameter)
    named = next((image for image in images if image["ImageId"] == value), None)
    if value and not problem:
        problem = _problem(manifest, named)
    chosen = in_channel if problem or named is None else named
    if value is None and in_channel is None:
        return None
    if problem or _id(named) != _id(in_channel):
        warn(_disagreement(manifest, value, problem, in_channel, chosen))
    return chosen


def newest(images: Iterable[ImageTypeDef]) -> ImageTypeDef | None:
    """The newest of these images; None when there is none."""
    return max(images, key=age_key, default=None)


def age_key(image: ImageTypeDef) -> tuple[str, str]:
    """Sorts images by age, the oldest first; within a second by name, which holds the time of the build."""
    return image["CreationDate"], image.get("Name", "")


def facts_of(image: ImageTypeDef) -> Published:
    """An image as EC2 describes it, for a comparison with its inputs."""
    return Published(image["ImageId"], tags.as_dict(image.get("Tags")), image["CreationDate"])


def _available(manifest: Manifest, clients: Clients) -> list[ImageTypeDef]:
    """Every published image of the manifest's name, of whatever channel."""
    return clients.ec2.describe_images(
        Owners=["self"],
        Filters=[
            *tags.having(tags.IMAGE, manifest.image.name),
            *tags.having(tags.STATE, PUBLISHED),
            {"Name": "state", "Values": ["available"]},
        ],
    )["Images"]


def _read(clients: Clients, name: str) -> tuple[str | None, str]:
    """The parameter's value, and why it is not known."""
    try:
        value = parameters.value_of(clients, name)
    except ClientError as exc:
        # Who may launch need not have been given the parameter; the channel is there for them.
        if code_of(exc) != "AccessDeniedException":
            raise
        return None, "may not be read"
    return value, "" if value else "does not exist"


def _problem(manifest: Manifest, named: ImageTypeDef | None) -> str:
    """Why the image that the parameter names is not the one; nothing when it is."""
    if named is None:
        return f"which is not an available published image of {manifest.image.name}"
    # Parameters are shared by all channels of an image unless {channel} is in their name.
    if _channel(named) not in ("", manifest.publish.channel):
        return f"which holds channel {_channel(named)}"
    return ""


def _disagreement(
    manifest: Manifest,
    value: str | None,
    problem: str,
    in_channel: ImageTypeDef | None,
    chosen: ImageTypeDef | None,
) -> str:
    says = ", ".join(filter(None, (f"names {value}" if value else "", problem)))
    holder = _id(in_channel) or "no image"
    using = f"; using {_id(chosen)}" if chosen else ""
    return f"{manifest.ssm_parameter} {says}; {holder} holds channel {manifest.publish.channel}{using}"


def _channel(image: ImageTypeDef) -> str:
    return tags.as_dict(image.get("Tags")).get(tags.CHANNEL, "")


def _id(image: ImageTypeDef | None) -> str | None:
    return image["ImageId"] if image else None
