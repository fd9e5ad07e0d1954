"""Where ssh goes, as whom, and how to know that it is the right machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from build.remote.keys import SshKey

_PORT = 22


@dataclass(frozen=True)
class SshTarget:
    """A machine for ssh. Where a field has no value the user's own ssh configuration decides; only the stock
    client (ssh_config.py) knows that, a Shell needs all but the name and the port.
    """

    address: str
    user: str = ""
    identity: SshKey | Path | None = None
    """The key to log in with, or the file of a private key."""
    host_keys: tuple[str, ...] | Path | None = None
    """The machine's public keys, a line each, of which one has to answer; or a known_hosts file."""
    port: int | None = None
    name: str = ""
    """What the machine is called where its address may change, as a hub's does."""

    @property
    def tcp_port(self) -> int:
        """The port that is meant where nobody's configuration is asked."""
        return self.port or _PORT

    @property
    def known_as(self) -> str:
        """Its name in known_hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT")."""
        return self.address if self.tcp_port == _PORT else f"[{self.address}]:{self.port}"
