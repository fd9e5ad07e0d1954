"""From which addresses this machine calls, as the other side sees it."""

from __future__ import annotations

import ipaddress

import requests

from build.errors import HubsmithError
from build.manifest import Builder

_TIMES = 2


def caller_cidrs(builder: Builder) -> tuple[str, ...]:
    """``builder.caller_cidr``, else this machine's address as ``builder.caller_ip_url`` sees it, as a /32.

    It is asked twice, each time over a connection of its own: a NAT with several public addresses may use
    another one for the next connection. Raises HubsmithError when the answer is not an address.
    """
    if builder.caller_cidr:
        return builder.caller_cidr
    seen = [_seen_by(str(builder.caller_ip_url)) for _ in range(_TIMES)]
    return tuple(dict.fromkeys(f"{address}/32" for address in seen))


def _seen_by(url: str) -> ipaddress.IPv4Address:
    try:
        answer = requests.get(url, timeout=10)
        answer.raise_for_status()
        return ipaddress.IPv4Address(answer.text.strip())
    except (requests.RequestException, ValueError) as exc:
        raise HubsmithError(
            f"{url} did not return this machine's address: {exc}",
            hint="set builder.caller_cidr, for example 203.0.113.7/32",
        ) from exc
