"""The network of users' servers, on the machine: what is set up at boot, and what becomes of it."""

from __future__ import annotations

import pytest
from networks import HUB_PORT, Settings, outside
from testinfra.host import Host

pytestmark = pytest.mark.usefixtures("booted")

REMEMBERED = "/var/lib/hubsmith/image-test-of-rules.sha256"
RULES = "nft --terse list table inet hubsmith"


def test_it_is_set_up_at_boot(host: Host) -> None:
    assert host.service("hubsmith-network").is_enabled
    assert host.service("hubsmith-network").is_running


def test_servers_have_resolvers_outside_loopback(root: Host) -> None:
    servers = [
        line.split()[1]
        for line in root.check_output("cat /run/hubsmith/network/resolv.conf").splitlines()
        if "nameserver" in line
    ]
    assert servers
    assert not [server for server in servers if server.startswith("127.")]
    shown = root.check_output("nft list set inet hubsmith resolvers")
    assert all(server in shown for server in servers)


def test_a_reboot_brings_its_rules_back(root: Host, stage: str) -> None:
    """The same as before, so that what notebooks find closed is tried before it only."""
    assert "chain from_users" in root.check_output(RULES)
    if stage == "candidate":
        root.check_output(f"umask 077; {RULES} | sha256sum > {REMEMBERED}")
    # perhaps not the machine that this was asked of before: several share the tests
    elif root.file(REMEMBERED).exists:
        assert root.file(REMEMBERED).content_string == root.check_output(f"{RULES} | sha256sum") + "\n"


@pytest.mark.usefixtures("heavy")
def test_the_hubs_address_is_closed_to_the_world(root: Host, settings: Settings) -> None:
    # A neighbour of the machine, as another instance of its subnet is, that sends packets for the hub's
    # address to it.
    out = "ip netns exec hubsmith-out curl --silent --insecure --output /dev/null --write-out '%{http_code}'"
    with outside(root, "hubsmith-out", "192.0.2.1/24", "192.0.2.2/24"):
        assert root.run(f"{out} --max-time 30 https://192.0.2.1/hub/health").stdout == "200"
        assert root.run(f"{out} --max-time 3 http://{settings.host}:{HUB_PORT}/hub/health").stdout == "000"


@pytest.mark.usefixtures("heavy", "exclusive")
def test_a_collision_is_told_with_its_setting(root: Host, settings: Settings) -> None:
    taken = str(settings.network[-2])
    root.check_output(
        f"ip link add hubsmith-taken type dummy && ip address add {taken}/32 dev hubsmith-taken"
    )
    try:
        told = root.run("/usr/lib/hubsmith/network start")
    finally:
        root.check_output("ip link delete hubsmith-taken")
    assert told.rc == 1
    assert f"{settings.network} overlaps {taken} on hubsmith-taken" in told.stderr
    assert "hub.network.addresses" in told.stderr


@pytest.mark.usefixtures("heavy", "exclusive")
def test_its_rules_come_again_and_others_rules_stay(root: Host) -> None:
    before = root.check_output(RULES)
    root.check_output("nft add table inet hubsmith_others && nft delete chain inet hubsmith forward")
    try:
        root.check_output("systemctl reload hubsmith-network")
        assert root.check_output(RULES) == before
        assert root.run("nft list table inet hubsmith_others").rc == 0
    finally:
        root.check_output("nft delete table inet hubsmith_others")


@pytest.mark.usefixtures("heavy", "exclusive")
def test_what_a_crash_has_left_is_replaced_and_nothing_stays(root: Host) -> None:
    root.check_output("ip netns add jupyter-1999 && ip link add jup1999 type veth peer name hubsmith-half")
    root.check_output("/usr/lib/hubsmith/network up 1999")
    assert "default via" in root.check_output("ip -n jupyter-1999 route")
    root.check_output("/usr/lib/hubsmith/network down 1999 && /usr/lib/hubsmith/network down 1999")
    assert "1999" not in root.check_output("ip netns; ip -brief link; ip route")
