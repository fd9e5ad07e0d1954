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
    tags: Mapping[str, str]
    created: str = ""


@dataclass(frozen=True)
class _Named:
    """What the SSM parameter names: ``image``, or none that can be taken; ``words`` say which, or why not."""

    words: str
    image: ImageTypeDef | None = None


_NOTHING = _Named("does not exist")


def newest_published(
    manifest: Manifest, clients: Clients, warn: Callable[[str], object]
) -> ImageTypeDef | None:
    """The image that the SSM parameter names, else the newest that holds the channel; None before the first.

    A parameter is passed over that names no available published image of the name, or one of another channel.
    ``warn`` gets a sentence where parameter and channel disagree. Raises what botocore raises.
    """
    images, channel = _available(manifest, clients), manifest.publish.channel
    in_channel = max((image for image in images if _channel(image) == channel), key=age_key, default=None)
    if manifest.ssm_parameter is None:
        return in_channel
    named = _named(manifest, clients, manifest.ssm_parameter, images)
    chosen = named.image or in_channel
    before_the_first = named is _NOTHING and in_channel is None
    agree = named.image is not None and _id(named.image) == _id(in_channel)
    if not (agree or before_the_first):
        holder, using = _id(in_channel) or "no image", f"; using {_id(chosen)}" if chosen else ""
        warn(f"{manifest.ssm_parameter} {named.words}; {holder} holds channel {channel}{using}")
    return chosen


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


def _named(manifest: Manifest, clients: Clients, parameter: str, images: Iterable[ImageTypeDef]) -> _Named:
    try:
        value = parameters.value_of(clients, parameter)
    except ClientError as exc:
        # Who may launch need not have been given the parameter; the channel is there for them.
        if code_of(exc) != "AccessDeniedException":
            raise
        return _Named("may not be read")
    if value is None:
        return _NOTHING
    image = next((image for image in images if image["ImageId"] == value), None)
    if image is None:
        return _Named(f"names {value}, which is not an available published image of {manifest.image.name}")
    # Parameters are shared by all channels of an image unless {channel} is in their name.
    if _channel(image) not in ("", manifest.publish.channel):
        return _Named(f"names {value}, which holds channel {_channel(image)}")
    return _Named(f"names {value}", image)


def _channel(image: ImageTypeDef) -> str:
    return tags.as_dict(image.get("Tags")).get(tags.CHANNEL, "")


def _id(image: ImageTypeDef | None) -> str | None:
    return image["ImageId"] if image else None
