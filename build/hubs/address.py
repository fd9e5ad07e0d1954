"""The Elastic IP of a hub, found by its tag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build.aws import tags
from build.hubs.models import Address

if TYPE_CHECKING:
    from build.aws.session import Clients
    from build.hubs.hub import Hub

GIVEN = "hubsmith:given"
"""On an address that the manifest named: destroy lets go of it and does not release it."""


def own_address(clients: Clients, hub: Hub) -> Address | None:
    """The address that carries the hub's tag."""
    found = clients.ec2.describe_addresses(Filters=tags.having(tags.HUB, hub.domain))["Addresses"]
    ours = sorted((address["AllocationId"], address["PublicIp"]) for address in found)
    return Address(*ours[0]) if ours else None
