"""Names and certificates: the DNS server and Pebble, up as long as the cloud's server is."""

from __future__ import annotations

from dataclasses import replace

from localcloud.acme.pebble import Pebble
from localcloud.dns.server import DnsServer
from localcloud.dns.zones import Zone, ensure_zone, public_zones
from localcloud.ec2.host import Host
from localcloud.ports import ADDRESS, Ports

FIRST_ZONE = "example.test"
CHALLENGE = "_acme-challenge."


class Names:
    """Both servers of one cloud; they run from the moment it is made until `stop`."""

    def __init__(self, host: Host, ports: Ports) -> None:
        with host.lock:
            made = ensure_zone(FIRST_ZONE)
        if made:
            host.save()
        self._dns = DnsServer(ADDRESS, ports.choose("dns"), lambda: _answered(host))
        self._dns.start()
        self._pebble = Pebble(host.folder, ports, self._dns.port)
        self._pebble.start()

    def wait_ready(self) -> None:
        """Wait until Pebble answers, or is known not to."""
        self._pebble.wait_ready()

    def identity(self) -> dict[str, object]:
        """What the server says of them when it is asked who it is."""
        acme = self._pebble.acme
        found = {"port": acme.port, "ca": acme.ca, "roots": acme.roots} if acme else None
        return {
            "dns": [self._dns.address, self._dns.port],
            "acme": found,
            "acme_problem": self._pebble.problem,
        }

    def stop(self) -> None:
        """End both."""
        self._pebble.stop()
        self._dns.stop()


def _answered(host: Host) -> list[Zone]:
    """The zones; without what proves to Pebble whose names they are while a fault makes it refuse."""
    zones = public_zones(host.lock)
    if not host.faults.acme_refuses:
        return zones
    return [
        replace(zone, sets=tuple(each for each in zone.sets if not each.name.startswith(CHALLENGE)))
        for zone in zones
    ]
