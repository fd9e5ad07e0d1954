"""The network of users' servers: what one reaches from a notebook, what not, and that nothing of it is left behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from conftest import unix_user
from hub_client import HubClient, Person
from kernel_client import Kernel
from testinfra.host import Host

pytestmark = pytest.mark.usefixtures("booted")

PRIVATE = ("10.255.255.254", "172.31.255.254", "192.168.255.254", "100.127.255.254")
# What users may send to without leaving this machine: packets to it vanish in an interface of its own.
SINK = "198.51.100.0/24"
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


@dataclass(frozen=True)
class Settings:
    """What the image was built with."""

    network: IPv4Network
    internet: bool
    allowed: tuple[IPv4Network, ...]
    connections: int

    @property
    def host(self) -> str:
        return str(self.network[1])


@pytest.fixture(scope="session")
def settings(machine: Host) -> Settings:
    told = json.loads(machine.file("/etc/hubsmith/network.json").content_string)
    return Settings(IPv4Network(told["addresses"]), told["internet"], tuple(map(IPv4Network, told["allowed"])), told["connections"])


@pytest.fixture(scope="module")
def prober(kernel: Kernel) -> Kernel:
    """The person's kernel, with PROBES."""
    kernel.run(PROBES)
    return kernel


@pytest.fixture(scope="module")
def other(machine: Host, hub: Callable[[], HubClient]) -> Iterator[Kernel]:
    """Another user's notebook, which listens on loopback, on all addresses and on an abstract socket."""
    with unix_user(machine) as second:
        session = hub()
        session.login(second)
        session.start_server()
        with Kernel.start(session) as running:
            running.run(PROBES + LISTEN)
            yield running
        session.stop_server()


@contextmanager
def outside(root: Host, name: str, near: str, far: str) -> Iterator[None]:
    """A network beside the machine, and a namespace ``name`` in it: ``near`` is the machine's address there, ``far`` the other one."""
    root.check_output(
        f"ip netns add {name} && ip link add {name} type veth peer name eth0 netns {name}"
        f" && ip link set {name} up && ip address add {near} dev {name}"
        f" && ip -n {name} link set lo up && ip -n {name} link set eth0 up && ip -n {name} address add {far} dev eth0"
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
    unit = f"jupyter-{person.name}{'-N' + server if server else ''}-singleuser"
    return root.check_output(f"readlink /proc/$(systemctl show --value --property MainPID {unit})/ns/net")


@contextmanager
def sink(root: Host) -> Iterator[None]:
    address = str(IPv4Network(SINK)[1])
    root.check_output(
        f"ip link add hubsmith-sink type dummy && ip link set hubsmith-sink up && ip address add {address}/24 dev hubsmith-sink"
    )
    try:
        yield
    finally:
        root.check_output("ip link delete hubsmith-sink")


class TestMachine:
    def test_it_is_set_up_at_boot(self, host: Host) -> None:
        assert host.service("hubsmith-network").is_enabled
        assert host.service("hubsmith-network").is_running

    def test_servers_have_resolvers_outside_loopback(self, root: Host) -> None:
        servers = [
            line.split()[1] for line in root.check_output("cat /run/hubsmith/network/resolv.conf").splitlines() if "nameserver" in line
        ]
        assert servers
        assert not [server for server in servers if server.startswith("127.")]
        shown = root.check_output("nft list set inet hubsmith resolvers")
        assert all(server in shown for server in servers)

    @pytest.mark.usefixtures("heavy")
    def test_the_hubs_address_is_closed_to_the_world(self, root: Host, settings: Settings) -> None:
        # A neighbour of the machine, as another instance of its subnet is, that sends packets for the hub's address to it.
        out = "ip netns exec hubsmith-out curl --silent --insecure --output /dev/null --write-out '%{http_code}'"
        with outside(root, "hubsmith-out", "192.0.2.1/24", "192.0.2.2/24"):
            assert root.run(f"{out} --max-time 30 https://192.0.2.1/hub/health").stdout == "200"
            assert root.run(f"{out} --max-time 3 http://{settings.host}:881/hub/health").stdout == "000"

    @pytest.mark.usefixtures("heavy", "alone")
    def test_a_collision_is_told_with_its_setting(self, root: Host, settings: Settings) -> None:
        taken = str(settings.network[-2])
        root.check_output(f"ip link add hubsmith-taken type dummy && ip address add {taken}/32 dev hubsmith-taken")
        try:
            told = root.run("/usr/lib/hubsmith/network start")
        finally:
            root.check_output("ip link delete hubsmith-taken")
        assert told.rc == 1
        assert f"{settings.network} overlaps {taken} on hubsmith-taken" in told.stderr
        assert "hub.network.addresses" in told.stderr

    @pytest.mark.usefixtures("heavy", "alone")
    def test_its_rules_come_again_and_others_rules_stay(self, root: Host) -> None:
        before = root.check_output("nft --terse list table inet hubsmith")
        root.check_output("nft add table inet hubsmith_others && nft delete chain inet hubsmith forward")
        try:
            root.check_output("systemctl reload hubsmith-network")
            assert root.check_output("nft --terse list table inet hubsmith") == before
            assert root.run("nft list table inet hubsmith_others").rc == 0
        finally:
            root.check_output("nft delete table inet hubsmith_others")

    @pytest.mark.usefixtures("heavy", "alone")
    def test_what_a_crash_has_left_is_replaced_and_nothing_stays(self, root: Host) -> None:
        root.check_output("ip netns add jupyter-1999 && ip link add jup1999 type veth peer name hubsmith-half")
        root.check_output("/usr/lib/hubsmith/network up 1999")
        assert "default via" in root.check_output("ip -n jupyter-1999 route")
        root.check_output("/usr/lib/hubsmith/network down 1999 && /usr/lib/hubsmith/network down 1999")
        assert "1999" not in root.check_output("ip netns; ip -brief link; ip route")


class TestNotebook:
    def test_its_address_is_its_users(self, prober: Kernel, settings: Settings, root: Host, person: Person) -> None:
        uid = int(root.check_output(f"id --user {person.name}"))
        assert asked(prober, "own_address()") == str(settings.network[2 + uid - 1500])
        assert namespace(root, person) != root.check_output("readlink /proc/self/ns/net")

    def test_the_hubs_api_answers(self, prober: Kernel, settings: Settings) -> None:
        assert asked(prober, "os.environ['JUPYTERHUB_API_URL']") == f"http://{settings.host}:881/hub/api"
        assert "version" in asked(prober, "urllib.request.urlopen(os.environ['JUPYTERHUB_API_URL'], timeout=20).read().decode()")

    def test_resolvers_answer(self, prober: Kernel) -> None:
        assert asked(prober, "answers(nameservers()[0])") is True

    def test_nothing_else_of_the_machine_answers(self, prober: Kernel, settings: Settings, root: Host) -> None:
        own = root.check_output("ip -4 -oneline address show scope global | awk '{print $4}' | cut -d/ -f1").split()
        assert "open" not in asked(prober, f"[tcp(address, port, seconds=3) for address in {own!r} for port in (22, 80, 443)]")
        assert asked(prober, f"tcp({settings.host!r}, 443)") == "ConnectionRefusedError"

    def test_private_networks_are_refused_at_once(self, prober: Kernel, settings: Settings) -> None:
        closed = [address for address in PRIVATE if not any(IPv4Address(address) in network for network in settings.allowed)]
        assert asked(prober, f"[tcp(address, 80) for address in {closed!r}]") == ["ConnectionRefusedError"] * len(closed)

    def test_the_instances_credentials_are_refused(self, prober: Kernel) -> None:
        assert asked(prober, "tcp('169.254.169.254', 80, seconds=2)") != "open"

    @pytest.mark.usefixtures("heavy")
    def test_what_is_not_private_is_the_internet(self, prober: Kernel, settings: Settings, root: Host) -> None:
        # Addresses of documentation, which are nobody's (RFC 5737).
        with outside(root, "hubsmith-web", "198.51.100.1/24", "198.51.100.9/24"):
            root.check_output("systemd-run --quiet --unit hubsmith-web ip netns exec hubsmith-web python3 -m http.server 80")
            try:
                ask = "curl --silent --output /dev/null --max-time 5 http://198.51.100.9"
                root.check_output(f"timeout 60 sh -c 'until {ask}; do sleep 1; done'")
                assert (asked(prober, "tcp('198.51.100.9', 80)") == "open") == settings.internet
            finally:
                root.check_output("systemctl stop hubsmith-web")

    def test_the_hubs_port_cannot_be_taken(self, prober: Kernel, settings: Settings) -> None:
        assert asked(prober, "bound('0.0.0.0', 881)") == "PermissionError"
        assert asked(prober, f"bound({settings.host!r}, 20000)") == "OSError"

    def test_nobody_can_use_up_the_hubs_connections(self, prober: Kernel, settings: Settings) -> None:
        prober.run(f"""held = []
for _ in range(150):
    held.append(socket.socket())
    held[-1].settimeout(5)
    if held[-1].connect_ex(({settings.host!r}, 881)) == errno.ECONNREFUSED:
        break""")
        assert 50 < asked(prober, "len(held)") <= 101
        prober.run("[one.close() for one in held]; held.clear()")
        assert "version" in asked(prober, "urllib.request.urlopen(os.environ['JUPYTERHUB_API_URL'], timeout=20).read().decode()")

    @pytest.mark.usefixtures("thorough")
    def test_named_servers_share_it(self, notebook: HubClient, prober: Kernel, root: Host, person: Person) -> None:
        notebook.start_server("second")
        try:
            assert namespace(root, person, "second") == namespace(root, person)
            with Kernel.start(notebook, server="second") as second:
                second.run(PROBES + LISTEN)
                assert asked(prober, "tcp('127.0.0.1', 7001)") == "open"
        finally:
            notebook.stop_server("second")
        assert prober.run("6*7") == "42"


@pytest.mark.usefixtures("heavy")
class TestOthers:
    def test_neither_reaches_the_other(self, notebook: HubClient, prober: Kernel, other: Kernel) -> None:
        theirs, own = asked(other, "own_address()"), asked(prober, "own_address()")
        assert asked(other, r"[tcp('127.0.0.1', 7001), tcp('127.0.0.1', 7002), tcp(b'\0hubsmith-probe')]") == ["open"] * 3
        assert (
            asked(prober, r"[tcp('127.0.0.1', 7001), tcp('127.0.0.1', 7002), tcp(b'\0hubsmith-probe')]") == ["ConnectionRefusedError"] * 3
        )
        port = asked(other, "int(os.environ['JUPYTERHUB_SERVICE_URL'].split(':')[2].split('/')[0])")
        assert asked(other, f"tcp({theirs!r}, {port})") == "open"
        assert asked(prober, f"[tcp({theirs!r}, {port}), tcp({theirs!r}, 7002)]") == ["ConnectionRefusedError"] * 2
        assert asked(other, f"tcp({own!r}, 7002)") == "ConnectionRefusedError"

    @pytest.mark.usefixtures("thorough", "alone")
    def test_a_flood_of_connections_keeps_nobody_out(
        self, prober: Kernel, hub: Callable[[], HubClient], root: Host, settings: Settings, machine: Host
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
