"""What the tests of users' networks share: the image's settings, probes that run in a notebook, and networks
to put beside the machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from hub_client import Person
from kernel_client import Kernel
from testinfra.host import Host
from unix_users import unit_of

FIRST_USER, FIRST_ADDRESS = 1500, 2
HUB_PORT = 881
PROBES = """
import errno, os, socket, urllib.request
def tcp(*address, seconds=20):
    with socket.socket(socket.AF_UNIX if isinstance(address[0], bytes) else socket.AF_INET) as probe:
        probe.settimeout(seconds)
        try:
            probe.connect(address[0] if isinstance(address[0], bytes) else address)
        except OSError as exc:
            return type(exc).__name__
        return "open"
def all_tcp(addresses):
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor() as threads:
        return list(threads.map(lambda address: tcp(*address, seconds=3), addresses))
def bound(*address):
    with socket.socket() as probe:
        try:
            probe.bind(address)
        except OSError as exc:
            return type(exc).__name__
        return "bound"
def own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("198.51.100.9", 9))
        return probe.getsockname()[0]
def nameservers():
    return [line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver")]
def answers(server):
    question = b"\\x47\\x11\\x01\\0\\0\\x01\\0\\0\\0\\0\\0\\0" + b"\\x09localhost\\0" + b"\\0\\x01\\0\\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(10)
        probe.connect((server, 53))
        probe.send(question)
        return probe.recv(512)[:2] == question[:2]
"""
LISTEN = """
loopback, everywhere, abstract = socket.socket(), socket.socket(), socket.socket(socket.AF_UNIX)
loopback.bind(("127.0.0.1", 7001)); everywhere.bind(("0.0.0.0", 7002)); abstract.bind(b"\\0hubsmith-probe")
for listener in (loopback, everywhere, abstract):
    listener.listen()
"""


@dataclass(frozen=True)
class Settings:
    """What the image was built with."""

    network: IPv4Network
    internet: bool
    allowed: tuple[IPv4Network, ...]
    connections: int

    @property
    def host(self) -> str:
        """The hub's own address."""
        return str(self.network[1])

    def address_of(self, uid: int) -> str:
        """The user's address."""
        return str(self.network[FIRST_ADDRESS + uid - FIRST_USER])


def read_settings(machine: Host) -> Settings:
    """As the image was built with."""
    told = json.loads(machine.file("/etc/hubsmith/network.json").content_string)
    return Settings(
        IPv4Network(told["addresses"]),
        told["internet"],
        tuple(map(IPv4Network, told["allowed"])),
        told["connections"],
    )


@contextmanager
def outside(root: Host, name: str, near: str, far: str) -> Iterator[None]:
    """A network beside the machine, and a namespace ``name`` in it: ``near`` is the machine's address there,
    ``far`` the other one.
    """
    root.check_output(
        f"ip netns add {name} && ip link add {name} type veth peer name eth0 netns {name}"
        f" && ip link set {name} up && ip address add {near} dev {name}"
        f" && ip -n {name} link set lo up && ip -n {name} link set eth0 up && ip -n {name} address add "
        f"{far} dev eth0"
        f" && ip -n {name} route add default via {near.partition('/')[0]}"
    )
    try:
        yield
    finally:
        root.check_output(f"ip link delete {name}; ip netns delete {name}")


def asked(kernel: Kernel, expression: str) -> Any:
    """The expression's value, by way of JSON."""
    return json.loads(kernel.run(f"import json; print(json.dumps({expression}))"))


def namespace(root: Host, person: Person, server: str = "") -> str:
    """The network namespace that one of the user's servers is in."""
    pid = f"$(systemctl show --value --property MainPID {unit_of(person, server)})"
    return str(root.check_output(f"readlink /proc/{pid}/ns/net"))
