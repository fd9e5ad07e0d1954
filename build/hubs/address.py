"""The Elastic IP of a hub, found by its tag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build.aws import tags
from build.hubs.models import Address

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import AddressTypeDef

    from build.aws.session import Clients
    from build.hubs.hub import Hub

GIVEN = "hubsmith:given"
"""On an address that the manifest named: destroy lets go of it and does not release it."""


def own_address(clients: Clients, hub: Hub) -> Address | None:
    """The address that carries the hub's tag; of several the one that leads somewhere."""
    found = tagged_addresses(clients, hub)
    ours = sorted(
        ("AssociationId" not in address, address["AllocationId"], address["PublicIp"]) for address in found
    )
    return Address(*ours[0][1:]) if ours else None


def tagged_addresses(clients: Clients, hub: Hub) -> list[AddressTypeDef]:
    """Every address with the hub's tag, as EC2 describes it."""
    return clients.ec2.describe_addresses(Filters=tags.having(tags.HUB, hub.domain))["Addresses"]
