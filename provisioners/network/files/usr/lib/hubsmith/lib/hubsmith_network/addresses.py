"""Names and addresses that belong to a user's number, and whether the machine uses any of them itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network

FIRST_UID, LAST_UID = 1500, 59999
"""From 2000 the hub's users (hubsmith_hub.userdb), below them the users of tests, who are removed again."""
HOST_INTERFACE = "hubsmith0"
USER_INTERFACES = "jup"
INSIDE = "eth0"
_BEFORE_USERS = 2  # the network's own address and the machine's


def address_of(uid: int, network: IPv4Network) -> IPv4Address:
    """The address of a user's servers. Raises ValueError for a number that is not one of the hub's users'."""
    if not FIRST_UID <= uid <= LAST_UID:
        raise ValueError(f"{uid} is not the number of one of the hub's users ({FIRST_UID} to {LAST_UID})")
    return network[_BEFORE_USERS + uid - FIRST_UID]


def namespace_of(uid: int) -> str:
    """The name below /run/netns."""
    return f"jupyter-{uid}"


def interface_of(uid: int) -> str:
    """The machine's end of the user's veth pair; the kernel allows 15 characters."""
    return f"{USER_INTERFACES}{uid}"


def hardware_address(address: IPv4Address, *, inside: bool) -> str:
    """A locally administered MAC address: systemd-udevd replaces one that nobody chose."""
    return ":".join(f"{byte:02x}" for byte in (2, int(inside), *address.packed))


def collision(
    network: IPv4Network, routes: Iterable[Mapping[str, object]], resolvers: Iterable[IPv4Address]
) -> str | None:
    """Why the machine cannot give users this network, or None.

    Args:
        network: hub.network.addresses.
        routes: `ip -json -4 route show table all`, which has the machine's addresses as routes too.
        resolvers: The name servers that users' servers ask.
    """
    for route in routes:
        destination, device = str(route["dst"]), str(route.get("dev", ""))
        if destination == "default" or device == HOST_INTERFACE or _is_of_a_user(device):
            continue
        if network.overlaps(IPv4Network(destination, strict=False)):
            return f"{network} overlaps {destination} on {device or 'this machine'}: {_ADVICE}"
    for resolver in resolvers:
        if resolver in network:
            return f"{network} contains this machine's resolver {resolver}: {_ADVICE}"
    return None


_ADVICE = "choose another network for hub.network.addresses in the manifest and build the image again"


def _is_of_a_user(device: str) -> bool:
    return device.startswith(USER_INTERFACES) and device.removeprefix(USER_INTERFACES).isdigit()
