"""Public addresses of the local cloud: 127.77.x.y, unique among all clouds of this host.

Linux answers on all of 127.0.0.0/8, so an address costs nothing and machines may share a port number. Each
cloud claims a /24 by a file that names the cloud's folder, in a registry all users of the host share; a claim
whose cloud has vanished is free again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from build.errors import MachineError

RANGE = IPv4Network("127.77.0.0/16")


def registry_dir() -> Path:
    """The folder with this host's claims, created if absent, open to every user like the temp folder."""
    folder = Path(tempfile.gettempdir()) / "hubsmith-addresses"
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(0o1777)
    return folder


class AddressPool:
    """Loopback addresses of one cloud, out of a /24 it claims with its first address; safe among threads."""

    SIZE = 254

    def __init__(self, cloud_folder: Path) -> None:
        self.cloud_folder = cloud_folder.absolute()
        self._taken: set[IPv4Address] = set()
        self._lock = threading.Lock()

    def allocate(self) -> str:
        """An address nobody else has; raises MachineError when none is left."""
        with self._lock, _registry_lock():
            for address in self._network().hosts():
                if address not in self._taken:
                    self._taken.add(address)
                    return str(address)
        raise MachineError(
            "this cloud has no address left",
            hint=f"a local cloud has {self.SIZE}: terminate instances or release addresses",
        )

    def reserve(self, address: str) -> None:
        """Take the address the kept state names; raises MachineError when another cloud now holds its /24."""
        wanted = IPv4Address(address)
        if wanted not in RANGE:
            raise MachineError(f"{address} is not an address of the local cloud ({RANGE})")
        with self._lock, _registry_lock():
            if not self._claim(IPv4Network(f"{address}/24", strict=False)):
                raise MachineError(
                    f"another local cloud has taken {address}",
                    hint="release the address and allocate a new one",
                )
            self._taken.add(wanted)

    def release(self, address: str) -> None:
        """Give an address back; no error when it is free already."""
        with self._lock:
            self._taken.discard(IPv4Address(address))

    def close(self) -> None:
        """Give up the claims on this host: the cloud is gone for good."""
        with self._lock, _registry_lock():
            self._taken.clear()
            for network in self._claimed():
                _claim_file(network).unlink()

    def _network(self) -> IPv4Network:
        """The /24 of this cloud.

        Looked up every time: something that tidies the temp folder may have taken the claim away.
        """
        if claimed := self._claimed():
            return claimed[0]
        networks = list(RANGE.subnets(new_prefix=24))
        # Start where the folder's name says, so that a cloud made anew mostly gets its old addresses back.
        start = hashlib.sha256(os.fsencode(self.cloud_folder)).digest()[0]
        for network in networks[start:] + networks[:start]:
            if self._claim(network):
                return network
        raise MachineError(
            f"all of {RANGE} is claimed by local clouds", hint=f"the claims are in {registry_dir()}"
        )

    def _claimed(self) -> list[IPv4Network]:
        networks = [IPv4Network(f"{path.name}/24") for path in sorted(registry_dir().glob("127.77.*"))]
        return [network for network in networks if _holder(network) == self.cloud_folder]

    def _claim(self, network: IPv4Network) -> bool:
        path, holder = _claim_file(network), _holder(network)
        if holder == self.cloud_folder:
            return True
        if holder is not None and _is_there(holder):
            return False
        with contextlib.suppress(FileNotFoundError):
            try:
                path.unlink()
            except PermissionError:  # another user's: the folder is sticky
                return False
        path.write_bytes(os.fsencode(self.cloud_folder))
        return True


def why_not_listen(address: str, port: int) -> MachineError | None:
    """Why this user cannot listen on address:port (TCP) now, and what to do about it; None if they can."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except PermissionError:
            hint = f"once, as root: sysctl -w net.ipv4.ip_unprivileged_port_start={min(port, 22)}"
            return MachineError(f"port {port} needs a privilege this user has not", hint=hint)
        except OSError as problem:
            taken = problem.errno == errno.EADDRINUSE
            hint_taken = f"see who listens: ss -ltnp 'sport = :{port}'" if taken else None
            return MachineError(f"cannot listen on {address}:{port}: {problem.strerror}", hint=hint_taken)
    return None


@contextlib.contextmanager
def _registry_lock() -> Iterator[None]:
    path = registry_dir() / "lock"
    # Not O_CREAT on a file that exists: Linux refuses that for another user's file in a sticky folder
    # (fs.protected_regular).
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o644))
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _claim_file(network: IPv4Network) -> Path:
    return registry_dir() / str(network.network_address)


def _holder(network: IPv4Network) -> Path | None:
    try:
        return Path(os.fsdecode(_claim_file(network).read_bytes()))
    except FileNotFoundError:
        return None


def _is_there(folder: Path) -> bool:
    try:
        return folder.exists()
    except PermissionError:  # in another user's home: we cannot know, so it is there
        return True
