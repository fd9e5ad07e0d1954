"""Names and certificates: the DNS server and Pebble, up as long as the cloud's server is."""

from __future__ import annotations

from build.localcloud.acme.pebble import Pebble
from build.localcloud.dns.server import DnsServer
from build.localcloud.dns.zones import ensure_zone, public_zones
from build.localcloud.ec2.host import Host
from build.localcloud.ports import ADDRESS, Ports

FIRST_ZONE = "example.test"


class Names:
    """Both servers of one cloud; they run from the moment it is made until `stop`."""

    def __init__(self, host: Host, ports: Ports) -> None:
        with host.lock:
            made = ensure_zone(FIRST_ZONE)
        if made:
            host.save()
        self._dns = DnsServer(ADDRESS, ports.choose("dns"), lambda: public_zones(host.lock))
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
        return {"dns": [self._dns.address, self._dns.port], "acme": found, "acme_problem": self._pebble.problem}

    def stop(self) -> None:
        """End both."""
        self._pebble.stop()
        self._dns.stop()
