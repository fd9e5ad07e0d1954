"""Addresses, rules and resolvers of users' servers, without a machine (tests/image/network)."""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.manifest import load, template_variables
from build.remote import file_tree

REPO = Path(__file__).parents[3]
POOL = IPv4Network("100.64.0.0/10")
ROUTES = [
    {"dst": "default", "dev": "ens5"},
    {"dst": "172.31.0.0/20", "dev": "ens5"},
    {"type": "local", "dst": "127.0.0.0/8", "dev": "lo"},
    {"type": "local", "dst": "100.64.0.1", "dev": "hubsmith0"},
    {"dst": "100.64.0.202", "dev": "jup1700"},
]


@pytest.fixture(scope="module")
def addresses(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_network.addresses")


@pytest.fixture(scope="module")
def settings(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_network.settings")


@pytest.fixture(scope="module")
def resolver(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_network.resolver")


@pytest.fixture(scope="module")
def ruleset(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_network.ruleset")


@pytest.fixture
def network(
    program: Callable[[str], ModuleType],
    settings: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> ModuleType:
    """The hub's part, on a machine with other addresses than the default."""
    content = {"addresses": "10.9.0.0/16", "internet": True, "allowed": [], "connections": 100}
    (tmp_path / "network.json").write_text(json.dumps(content))
    monkeypatch.setattr(settings, "PATH", tmp_path / "network.json")
    return program("hubsmith_hub.network")


class TestSettings:
    @pytest.mark.parametrize(
        "overrides",
        [(), ("hub.network={allowed: [10.0.0.0/16, 10.7.0.0/24], internet: false, connections: 100}",)],
    )
    def test_the_file_says_what_the_manifest_says(
        self, settings: ModuleType, tmp_path: Path, overrides: tuple[str, ...]
    ) -> None:
        manifest = load(REPO / "manifest.yaml", cloud="local", overrides=overrides)
        use = next(one for one in manifest.provisioners if one.name == "network")
        (file,) = file_tree.collect(
            use.folder / "files", [Path("etc/hubsmith/network.json.j2")], template_variables(use), {}
        )
        (tmp_path / "network.json").write_bytes(file.content)
        read = settings.read(tmp_path / "network.json")
        assert str(read.addresses) == manifest.hub.network.addresses
        assert tuple(map(str, read.allowed)) == manifest.hub.network.allowed
        assert (read.internet, read.connections) == (
            manifest.hub.network.internet,
            manifest.hub.network.connections,
        )

    def test_the_hub_listens_below_port_1024(self, settings: ModuleType) -> None:
        assert settings.Settings(POOL).hub_url == "http://100.64.0.1:881"
        assert settings.HUB_PORT < 1024

    def test_no_file_is_an_error(self, settings: ModuleType, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            settings.read(tmp_path / "network.json")


class TestAddresses:
    @given(st.integers(1500, 59999), st.sampled_from(["100.64.0.0/10", "10.7.0.0/16"]))
    def test_each_user_has_one_in_the_network_that_is_not_the_machines(
        self, addresses: ModuleType, uid: int, network: str
    ) -> None:
        pool = IPv4Network(network)
        address = addresses.address_of(uid, pool)
        assert address in pool
        assert address not in (pool[0], pool[1], pool[-1])
        assert int(address) - int(pool[0]) == uid - 1498

    @pytest.mark.parametrize("uid", [0, 1000, 1499, 60000, 65534])
    def test_accounts_of_the_machine_have_none(self, addresses: ModuleType, uid: int) -> None:
        with pytest.raises(ValueError, match=f"{uid} is not the number of one of the hub's users"):
            addresses.address_of(uid, POOL)

    def test_the_users_numbers_are_those_of_the_registry(
        self, addresses: ModuleType, program: Callable[[str], ModuleType]
    ) -> None:
        userdb = program("hubsmith_hub.userdb")
        assert addresses.FIRST_UID < userdb.FIRST_UID
        assert addresses.LAST_UID == userdb.LAST_UID

    def test_names_fit_into_what_the_kernel_allows(self, addresses: ModuleType) -> None:
        assert addresses.interface_of(59999) == "jup59999"
        assert addresses.namespace_of(2000) == "jupyter-2000"
        assert addresses.hardware_address(IPv4Address("100.64.1.47"), inside=True) == "02:01:64:40:01:2f"


class TestCollisions:
    def test_a_machine_with_other_networks_has_none(self, addresses: ModuleType) -> None:
        assert addresses.collision(POOL, ROUTES, [IPv4Address("169.254.169.253")]) is None

    @pytest.mark.parametrize(
        "taken", ["100.64.0.0/10", "100.100.7.0/24", "100.127.0.9", "96.0.0.0/4", "100.64.0.202"]
    )
    def test_a_route_into_the_network_is_named_with_the_setting(
        self, addresses: ModuleType, taken: str
    ) -> None:
        told = addresses.collision(POOL, [*ROUTES, {"dst": taken, "dev": "wg0"}], [])
        assert told.startswith(
            f"100.64.0.0/10 overlaps {taken} on wg0: choose another network for hub.network.addresses"
        )

    def test_other_interfaces_whose_names_begin_alike_count(self, addresses: ModuleType) -> None:
        assert "jupiter" in addresses.collision(POOL, [{"dst": "100.64.9.0/24", "dev": "jupiter"}], [])

    def test_a_route_without_an_interface_counts(self, addresses: ModuleType) -> None:
        assert "this machine" in addresses.collision(
            POOL, [{"type": "blackhole", "dst": "100.64.0.0/10"}], []
        )

    def test_a_resolver_in_the_network_could_not_be_reached(self, addresses: ModuleType) -> None:
        assert "resolver 100.100.2.136" in addresses.collision(POOL, ROUTES, [IPv4Address("100.100.2.136")])


class TestResolver:
    def test_the_stub_of_the_machine_is_passed_over(self, resolver: ModuleType) -> None:
        texts = [
            "nameserver 10.0.0.2\nsearch ec2.internal\n",
            "nameserver 127.0.0.53\noptions edns0\nsearch .\n",
        ]
        found = resolver.servers(texts)
        assert found == (IPv4Address("10.0.0.2"),)
        assert resolver.resolv_conf(found, texts).splitlines()[1:] == [
            "nameserver 10.0.0.2",
            "search ec2.internal",
        ]

    @pytest.mark.parametrize(
        "texts",
        [[], [""], ["nameserver 127.0.0.53\nsearch ."], ["nameserver ::1\nnameserver fd00:ec2::253\n"]],
    )
    def test_amazons_is_asked_where_there_is_no_other(self, resolver: ModuleType, texts: list[str]) -> None:
        assert resolver.servers(texts) == (IPv4Address("169.254.169.253"),)
        assert resolver.resolv_conf(resolver.servers(texts), texts).splitlines()[1:] == [
            "nameserver 169.254.169.253"
        ]

    def test_three_are_enough_and_none_is_named_twice(self, resolver: ModuleType) -> None:
        text = "".join(f"nameserver 10.0.0.{number}\n" for number in (2, 2, 3, 4, 5))
        assert list(map(str, resolver.servers([text]))) == ["10.0.0.2", "10.0.0.3", "10.0.0.4"]


class TestRules:
    def rules(self, ruleset: ModuleType, settings: ModuleType, **chosen: object) -> str:
        return str(ruleset.ruleset(settings.Settings(POOL, **chosen), [IPv4Address("169.254.169.253")]))

    def test_only_its_own_table_is_replaced(self, ruleset: ModuleType, settings: ModuleType) -> None:
        text = self.rules(ruleset, settings)
        assert text.startswith("table inet hubsmith {}\ndelete table inet hubsmith\ntable inet hubsmith {\n")
        assert "flush ruleset" not in text

    def test_what_is_refused_comes_before_what_is_allowed(
        self, ruleset: ModuleType, settings: ModuleType
    ) -> None:
        text = self.rules(ruleset, settings, allowed=(IPv4Network("10.0.0.0/8"),))
        order = [
            "daddr 100.64.0.0/10 goto refused",
            "@resolvers",
            "169.254.0.0/16 goto refused",
            "@allowed goto counted",
            "@private goto",
        ]
        places = [text.index(rule, text.index("chain from_users {")) for rule in order]
        assert places == sorted(places)
        assert "elements = { 10.0.0.0/8 }" in text

    def test_without_the_internet_the_last_word_is_no(
        self, ruleset: ModuleType, settings: ModuleType
    ) -> None:
        last = "@private goto refused\n        goto {}\n"
        assert last.format("counted") in self.rules(ruleset, settings)
        assert last.format("refused") in self.rules(ruleset, settings, internet=False)

    def test_the_limit_is_the_manifests(self, ruleset: ModuleType, settings: ModuleType) -> None:
        assert "ct count over 123 }" in self.rules(ruleset, settings, connections=123)

    def test_resolvers_are_exchanged_in_one_transaction(self, ruleset: ModuleType) -> None:
        assert ruleset.new_resolvers([IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3")]).splitlines() == [
            "flush set inet hubsmith resolvers",
            "add element inet hubsmith resolvers { 10.0.0.2, 10.0.0.3 }",
        ]


class TestLinks:
    def test_a_users_end_knows_only_the_machine(
        self, program: Callable[[str], ModuleType], settings: ModuleType
    ) -> None:
        links, chosen = program("hubsmith_network.links"), settings.Settings(POOL)
        assert links.inside(1500, chosen)[-2:] == [
            "address add 100.64.0.2/32 dev eth0",
            "route add default via 100.64.0.1 dev eth0 onlink",
        ]
        assert links.outside(1500, chosen)[-1] == "route replace 100.64.0.2/32 dev jup1500 src 100.64.0.1"

    def test_the_machines_interface_is_made_once(
        self, program: Callable[[str], ModuleType], settings: ModuleType
    ) -> None:
        links, chosen = program("hubsmith_network.links"), settings.Settings(POOL)
        assert "link add hubsmith0 type dummy" in links.host(chosen, exists=False)
        assert not any("add" in line.split()[:2] for line in links.host(chosen, exists=True))


class TestSpawner:
    def test_addresses_are_those_of_the_manifest(self, network: ModuleType) -> None:
        assert (network.hub_url(), network.address_of(2000)) == ("http://10.9.0.1:881", "10.9.1.246")

    def test_a_unit_is_bound_to_its_users_namespace(self, network: ModuleType) -> None:
        told = network.properties(2000, {"TasksMax": "7"})
        assert told["TasksMax"] == "7"
        assert told["BindsTo"] == told["After"] == "jupyter-network@2000.service"
        assert told["NetworkNamespacePath"] == "/run/netns/jupyter-2000"

    def test_what_a_site_has_in_these_lists_stays_and_is_added_to_once(self, network: ModuleType) -> None:
        once = network.properties(2000, {"After": "lab.service", "BindReadOnlyPaths": "/srv/data"})
        assert once["After"] == "lab.service jupyter-network@2000.service"
        assert once["BindReadOnlyPaths"] == "/srv/data /run/hubsmith/network/resolv.conf:/etc/resolv.conf"
        assert network.properties(2000, once) == once

    def test_a_users_servers_have_ports_of_their_own_outside_the_ephemeral_ones(
        self, network: ModuleType
    ) -> None:
        assert network.port_beside(set(range(20000, 30000)) - {20007}) == 20007
        assert 20000 <= network.port_beside([]) <= 29999
