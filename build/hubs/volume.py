"""The data volume of a hub, found by its tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build.aws import tags
from build.errors import CloudError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import VolumeTypeDef

    from build.aws.session import Clients
    from build.hubs.hub import Hub

DATA = "data"


def own_volume(clients: Clients, hub: Hub) -> VolumeTypeDef | None:
    """The data volume of a hub. Raises CloudError when several say that they are it."""
    filters = [*tags.having(tags.HUB, hub.domain), *tags.having(tags.ROLE, DATA)]
    volumes = clients.ec2.describe_volumes(Filters=filters)["Volumes"]
    alive = [volume for volume in volumes if volume["State"] not in ("deleting", "deleted", "error")]
    if len(alive) > 1:
        names = ", ".join(sorted(volume["VolumeId"] for volume in alive))
        raise CloudError(
            f"{hub.domain} has more than one data volume: {names}",
            hint=(
                f"remove the tag {tags.HUB} from the others: aws ec2 delete-tags --resources vol-… "
                f"--tags Key={tags.HUB}"
            ),
        )
    return alive[0] if alive else None
