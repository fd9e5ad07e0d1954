"""From which address this machine calls, as the other side sees it."""

from __future__ import annotations

import ipaddress

import requests

from build.errors import HubsmithError
from build.manifest import Builder


def caller_cidr(builder: Builder) -> str:
    """``builder.caller_cidr``, else this machine's address as ``builder.caller_ip_url`` sees it, as a /32."""
    if builder.caller_cidr:
        return str(builder.caller_cidr)
    try:
        answer = requests.get(str(builder.caller_ip_url), timeout=10)
        answer.raise_for_status()
        return f"{ipaddress.IPv4Address(answer.text.strip())}/32"
    except (requests.RequestException, ValueError) as exc:
        raise HubsmithError(
            f"{builder.caller_ip_url} did not return this machine's address: {exc}",
            hint="set builder.caller_cidr, for example 203.0.113.7/32",
        ) from exc
