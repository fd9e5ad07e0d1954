"""The manifest's `hub.network`, as the build wrote it into the image."""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

PATH = Path("/etc/hubsmith/network.json")
HUB_PORT = 881
"""Below 1024, so that no user's process on the machine can take it while the hub restarts."""


@dataclass(frozen=True)
class Settings:
    """What users' servers may reach, and from which addresses."""

    addresses: IPv4Network
    internet: bool = True
    allowed: tuple[IPv4Network, ...] = ()
    connections: int = 4000

    @property
    def host(self) -> IPv4Address:
        """The machine's own address in this network: the hub listens on it, and it is the users' gateway."""
        return self.addresses[1]

    @property
    def hub_url(self) -> str:
        """Where users' servers, the proxy and this machine's programs reach the hub."""
        return f"http://{self.host}:{HUB_PORT}"


def read(path: Path | None = None) -> Settings:
    """The settings of this machine.

    Raises:
        OSError, ValueError, KeyError: the file is absent or not what the build writes.
    """
    content = json.loads((path or PATH).read_text(encoding="utf-8"))
    return Settings(
        addresses=IPv4Network(content["addresses"]),
        internet=bool(content["internet"]),
        allowed=tuple(IPv4Network(one) for one in content["allowed"]),
        connections=int(content["connections"]),
    )
