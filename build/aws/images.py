"""What more than one room asks of images: whether there is one, and to wait until it can be launched."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from build.aws import eventual
from build.aws.errors import NOT_THERE
from build.aws.wait import wait_until
from build.errors import CloudError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import ImageTypeDef

AVAILABLE = "available"
_ENDED = ("failed", "invalid", "error", "deregistered")


def described(ec2: EC2Client, image_id: str) -> ImageTypeDef | None:
    """The image now; None where EC2 does not list it: it is too new, or was deregistered."""
    return eventual.found(lambda: ec2.describe_images(ImageIds=[image_id])["Images"])


def wait_until_available(
    ec2: EC2Client,
    image_id: str,
    *,
    timeout_s: float,
    on_wait: Callable[[str], object] = lambda _: None,
) -> ImageTypeDef:
    """Wait until it can be launched; raises CloudError with EC2's reason if it never will be.

    Every new image is pending first, also one that was registered from a completed snapshot.
    """

    def look() -> ImageTypeDef | None:
        image = described(ec2, image_id)
        if image and image["State"] in _ENDED:
            reason = image.get("StateReason", {}).get("Message", "no reason given")
            raise CloudError(f"{image_id} is {image['State']}: {reason}")
        return image

    image = wait_until(
        look,
        lambda image: image is not None and image["State"] == AVAILABLE,
        what=image_id,
        describe=lambda image: str(image["State"]) if image else NOT_THERE,
        timeout_s=timeout_s,
        on_wait=on_wait,
    )
    if image is None:
        raise CloudError(f"{image_id} no longer exists")
    return image
