"""Interfaces, addresses and routes, as lines for `ip -batch -`."""

from __future__ import annotations

from hubsmith_network.addresses import (
    HOST_INTERFACE,
    INSIDE,
    address_of,
    hardware_address,
    interface_of,
    namespace_of,
)
from hubsmith_network.settings import Settings


def host(settings: Settings, *, exists: bool) -> list[str]:
    """The machine's own address in the users' network."""
    return [
        *([] if exists else [f"link add {HOST_INTERFACE} type dummy"]),
        f"link set {HOST_INTERFACE} addrgenmode none",
        f"link set {HOST_INTERFACE} up",
        f"address replace {settings.host}/32 dev {HOST_INTERFACE}",
    ]


def outside(uid: int, settings: Settings) -> list[str]:
    """A user's namespace, the veth pair into it and the way to its address."""
    address, link, namespace = address_of(uid, settings.addresses), interface_of(uid), namespace_of(uid)
    outer, inner = (hardware_address(address, inside=inside) for inside in (False, True))
    return [
        f"netns add {namespace}",
        f"link add {link} address {outer} type veth peer name {INSIDE} address {inner} netns {namespace}",
        # No link-local address: users' servers have no IPv6. On a line of its own: the kernel would bring the
        # link up first.
        f"link set {link} addrgenmode none",
        f"link set {link} up",
        f"route replace {address}/32 dev {link} src {settings.host}",
    ]


def inside(uid: int, settings: Settings) -> list[str]:
    """The same seen from inside the namespace."""
    return [
        "link set lo up",
        f"link set {INSIDE} addrgenmode none",
        f"link set {INSIDE} up",
        f"address add {address_of(uid, settings.addresses)}/32 dev {INSIDE}",
        f"route add default via {settings.host} dev {INSIDE} onlink",
    ]
