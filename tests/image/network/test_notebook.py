"""The network of users' servers, from a notebook: what it reaches and what not."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hub_client import HubClient, HubUser
from kernel_client import Kernel
from networks import HUB_PORT, LISTEN, PROBES, Settings, asked, namespace, outside
from testinfra.host import Host

pytestmark = pytest.mark.usefixtures("booted")

PRIVATE = ("10.255.255.254", "172.31.255.254", "192.168.255.254", "100.127.255.254")
HOLD_CONNECTIONS = """
held = []
for _ in range(150):
    held.append(socket.socket())
    held[-1].settimeout(5)
    if held[-1].connect_ex(ADDRESS) == errno.ECONNREFUSED:
        break
"""
ASK_THE_HUB = """
import time, urllib.error, urllib.request
deadline = time.monotonic() + 60
while True:
    try:
        print(urllib.request.urlopen(os.environ["JUPYTERHUB_API_URL"], timeout=20).read().decode())
        break
    except urllib.error.URLError:
        if time.monotonic() > deadline:
            raise
        time.sleep(0.5)
"""


def test_its_address_is_its_users(prober: Kernel, settings: Settings, root: Host, hub_user: HubUser) -> None:
    uid = int(root.check_output(f"id --user {hub_user.name}"))
    assert asked(prober, "own_address()") == settings.address_of(uid)
    assert namespace(root, hub_user) != root.check_output("readlink /proc/self/ns/net")


def test_the_hubs_api_answers(prober: Kernel, settings: Settings) -> None:
    assert asked(prober, "os.environ['JUPYTERHUB_API_URL']") == f"http://{settings.host}:{HUB_PORT}/hub/api"
    assert "version" in asked(
        prober, "urllib.request.urlopen(os.environ['JUPYTERHUB_API_URL'], timeout=20).read().decode()"
    )


def test_resolvers_answer(prober: Kernel) -> None:
    assert asked(prober, "answers(nameservers()[0])") is True


def test_nothing_else_of_the_machine_answers(prober: Kernel, settings: Settings, root: Host) -> None:
    own = root.check_output(
        "ip -4 -oneline address show scope global | awk '{print $4}' | cut -d/ -f1"
    ).split()
    assert "open" not in asked(
        prober, f"all_tcp([(address, port) for address in {own!r} for port in (22, 80, 443)])"
    )
    assert asked(prober, f"tcp({settings.host!r}, 443)") == "ConnectionRefusedError"


@pytest.mark.usefixtures("before_reboot")
def test_private_networks_are_refused_at_once(prober: Kernel, settings: Settings) -> None:
    closed = [
        address
        for address in PRIVATE
        if not any(IPv4Address(address) in network for network in settings.allowed)
    ]
    assert asked(prober, f"[tcp(address, 80) for address in {closed!r}]") == ["ConnectionRefusedError"] * len(
        closed
    )


@pytest.mark.usefixtures("heavy")
def test_what_is_not_private_is_the_internet(prober: Kernel, settings: Settings, root: Host) -> None:
    # Addresses of documentation, which are nobody's (RFC 5737).
    with outside(root, "hubsmith-web", "198.51.100.1/24", "198.51.100.9/24"):
        root.check_output(
            "systemd-run --quiet --unit hubsmith-web ip netns exec hubsmith-web python3 -m http.server 80"
        )
        try:
            ask = "curl --silent --output /dev/null --max-time 5 http://198.51.100.9"
            root.check_output(f"timeout 60 sh -c 'until {ask}; do sleep 1; done'")
            assert (asked(prober, "tcp('198.51.100.9', 80)") == "open") == settings.internet
        finally:
            root.check_output("systemctl stop hubsmith-web")


@pytest.mark.usefixtures("before_reboot")
def test_the_hubs_port_cannot_be_taken(prober: Kernel, settings: Settings) -> None:
    """https://github.com/jupyterhub/jupyterhub/issues/2896"""
    assert asked(prober, f"bound('0.0.0.0', {HUB_PORT})") == "PermissionError"
    assert asked(prober, f"bound({settings.host!r}, 20000)") == "OSError"


@pytest.mark.usefixtures("before_reboot")
def test_nobody_can_use_up_the_hubs_connections(prober: Kernel, settings: Settings) -> None:
    prober.run(HOLD_CONNECTIONS.replace("ADDRESS", repr((settings.host, HUB_PORT))))
    assert 50 < asked(prober, "len(held)") <= 101
    prober.run("[one.close() for one in held]; held.clear()")
    # The kernel counts a connection until the hub, which may be busy, has closed its side too.
    assert "version" in prober.run(ASK_THE_HUB)


@pytest.mark.usefixtures("thorough")
def test_named_servers_share_it(notebook: HubClient, prober: Kernel, root: Host, hub_user: HubUser) -> None:
    notebook.start_server("second")
    try:
        assert namespace(root, hub_user, "second") == namespace(root, hub_user)
        with Kernel.start(notebook, server="second") as second:
            second.run(PROBES + LISTEN)
            assert asked(prober, "tcp('127.0.0.1', 7001)") == "open"
    finally:
        notebook.stop_server("second")
    assert prober.run("6*7") == "42"
