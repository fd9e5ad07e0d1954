"""The network of users' servers, between two users: neither reaches the other, nor keeps anybody else out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network

import pytest
from hub_client import HubClient
from kernel_client import Kernel
from networks import LISTEN, PROBES, Settings, asked
from testinfra.host import Host
from unix_users import Neighbour, unix_user

pytestmark = pytest.mark.usefixtures("booted", "heavy")

# What users may send to without leaving this machine: packets to it vanish in an interface of its own.
SINK = "198.51.100.0/24"
FLOOD = """
import subprocess, sys
flood = '''
import socket
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
refused = 0
for number in range(100_000):
    try:
        probe.sendto(b"x", (f"198.51.100.{2 + number % 250}", 1024 + number // 250))
    except OSError:
        refused += 1
print(refused)
'''
process = subprocess.Popen([sys.executable, "-S", "-c", flood], stdout=subprocess.PIPE, text=True)
"""


@contextmanager
def sink(root: Host) -> Iterator[None]:
    address = str(IPv4Network(SINK)[1])
    root.check_output(
        "ip link add hubsmith-sink type dummy && ip link set hubsmith-sink up && ip address add "
        f"{address}/24 dev hubsmith-sink"
    )
    try:
        yield
    finally:
        root.check_output("ip link delete hubsmith-sink")


def test_neither_reaches_the_other(prober: Kernel, neighbour: Neighbour) -> None:
    other = neighbour.kernel
    other.run(PROBES + LISTEN)
    theirs, own = asked(other, "own_address()"), asked(prober, "own_address()")
    assert (
        asked(other, r"[tcp('127.0.0.1', 7001), tcp('127.0.0.1', 7002), tcp(b'\0hubsmith-probe')]")
        == ["open"] * 3
    )
    assert (
        asked(prober, r"[tcp('127.0.0.1', 7001), tcp('127.0.0.1', 7002), tcp(b'\0hubsmith-probe')]")
        == ["ConnectionRefusedError"] * 3
    )
    port = asked(other, "int(os.environ['JUPYTERHUB_SERVICE_URL'].split(':')[2].split('/')[0])")
    assert asked(other, f"tcp({theirs!r}, {port})") == "open"
    assert (
        asked(prober, f"[tcp({theirs!r}, {port}), tcp({theirs!r}, 7002)]") == ["ConnectionRefusedError"] * 2
    )
    assert asked(other, f"tcp({own!r}, 7002)") == "ConnectionRefusedError"


@pytest.mark.usefixtures("thorough", "exclusive")
def test_a_flood_of_connections_keeps_nobody_out(
    prober: Kernel, hub: Callable[[], HubClient], root: Host, settings: Settings, machine: Host
) -> None:
    before = int(root.check_output("cat /proc/sys/net/netfilter/nf_conntrack_count"))
    with sink(root), unix_user(machine) as third:
        prober.run(FLOOD)
        try:
            for _ in range(3):
                hub().login(third)
            assert int(prober.run("print(process.communicate()[0])")) < 100_000
            count = int(root.check_output("cat /proc/sys/net/netfilter/nf_conntrack_count"))
        finally:
            prober.run("process.kill()")
    assert settings.connections * 0.9 < count - before < settings.connections * 1.1 + 200
    assert prober.run("6*7") == "42"
