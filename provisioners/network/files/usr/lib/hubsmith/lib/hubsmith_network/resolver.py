"""The resolv.conf of users' servers, whose own loopback has no systemd-resolved at 127.0.0.53."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import AddressValueError, IPv4Address

AMAZON = IPv4Address("169.254.169.253")
"""The VPC's resolver, which EC2 instances reach at this address in every subnet."""
_MOST = 3  # glibc's MAXNS


def servers(texts: Iterable[str]) -> tuple[IPv4Address, ...]:
    """The name servers of the first resolv.conf that names one outside loopback; Amazon's when none does.

    IPv6 addresses are left out: users' servers have no IPv6.
    """
    for text in texts:
        found = tuple(
            address
            for word in _values(text, "nameserver")
            if (address := _ipv4(word)) and not address.is_loopback
        )
        if found:
            return tuple(dict.fromkeys(found))[:_MOST]
    return (AMAZON,)


def resolv_conf(resolvers: Sequence[IPv4Address], texts: Iterable[str]) -> str:
    """The file's content; domains to search are the machine's."""
    domains = next(
        (found for text in texts if (found := [name for name in _values(text, "search") if name != "."])), []
    )
    lines = [
        *(f"nameserver {address}" for address in resolvers),
        *([f"search {' '.join(domains)}"] if domains else []),
    ]
    return "# Made by /usr/lib/hubsmith/network from this machine's resolvers.\n" + "".join(
        f"{line}\n" for line in lines
    )


def _values(text: str, keyword: str) -> list[str]:
    rows = (line.split() for line in text.splitlines())
    return [word for row in rows if row[:1] == [keyword] for word in row[1:]]


def _ipv4(word: str) -> IPv4Address | None:
    try:
        return IPv4Address(word)
    except AddressValueError:
        return None
