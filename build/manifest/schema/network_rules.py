"""Rules of networks: each returns a complaint, or None."""

from __future__ import annotations

import ipaddress

from build.manifest.schema.value_rules import unique

_SMALLEST_USER_NETWORK = 16
_USER_NETWORKS = ("100.64.0.0/10", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
_MOST_OPEN_CIDRS = 29


def _cidr(value: str) -> str | None:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return "should be a network such as 203.0.113.7/32"
    if str(network) != value:
        return (
            f"should be the network itself, {network}"
            if "/" in value
            else f"should have a prefix length: {network}"
        )
    return "would open ssh to everyone" if network.prefixlen == 0 else None


def as_tuple(value: object) -> object:
    """One network may be written without a list."""
    return (value,) if isinstance(value, str) else value


def caller_cidrs(value: tuple[str, ...]) -> str | None:
    """IPv4 networks that may reach the builder; none of them the whole world."""
    for one in value:
        if complaint := _caller_cidr(one):
            return complaint if len(value) == 1 else f"has {one}, which {complaint}"
    return unique(value)


def _caller_cidr(value: str) -> str | None:
    """As _cidr, but of IPv4: the rule of the builder's security group is one."""
    return _cidr(value) or ("should be an IPv4 network such as 203.0.113.7/32" if ":" in value else None)


def open_cidr(value: str) -> str | None:
    """As _cidr, but the whole world is allowed: a hub is for browsers."""
    complaint = _cidr(value)
    return None if complaint == "would open ssh to everyone" else complaint


def few(cidrs: tuple[str, ...]) -> str | None:
    """Amazon VPC quotas: 60 inbound rules in a security group, counted for IPv4 and IPv6 by themselves.

    A hub has two for each network (443 and 80), and needs room for its operator's own.
    """
    for name, count in (
        ("IPv4", sum(":" not in cidr for cidr in cidrs)),
        ("IPv6", sum(":" in cidr for cidr in cidrs)),
    ):
        if count > _MOST_OPEN_CIDRS:
            return (
                f"has {count} {name} networks: a security group has room for {_MOST_OPEN_CIDRS} "
                "(60 rules, two for each network)"
            )
    return None


def ipv4_network(value: str) -> str | None:
    """As _cidr, but of IPv4: users' servers have no IPv6."""
    complaint = open_cidr(value)
    if complaint:
        return complaint
    return None if ":" not in value else "should be an IPv4 network: users' servers have no IPv6"


def user_network(value: str) -> str | None:
    """Each user number from 1500 to 59999 has an address in it, and none may hide a host of the internet."""
    complaint = ipv4_network(value)
    if complaint:
        return complaint
    network = ipaddress.IPv4Network(value)
    if network.prefixlen > _SMALLEST_USER_NETWORK:
        return f"should be a /{_SMALLEST_USER_NETWORK} or wider: each user has an address in it"
    if not any(network.subnet_of(ipaddress.IPv4Network(private)) for private in _USER_NETWORKS):
        return f"should be part of a private network: {', '.join(_USER_NETWORKS)}"
    return None
