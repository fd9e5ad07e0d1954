"""The records of a hub in the local cloud's Route 53: made, kept, taken over, removed; asterisks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.ec2.models import ec2_backends
from moto.route53.models import route53_backends
from werkzeug.serving import make_server

from build.aws.session import Clients, Cloud, connect
from build.errors import UserError
from build.hubs.address import own_address
from build.hubs.dns import find_zone, zones_of
from build.hubs.hub import Hub
from build.hubs.models import Address
from build.launch import dns
from build.launch.destroy import RemoveDnsRecords
from build.launch.dns import FindZone, UpsertDnsRecords
from build.launch.options import CliOptions, resolve_options
from build.launch.state import LaunchState
from build.manifest import load
from build.operate import status
from localcloud.dns.zones import ensure_zone
from localcloud.ec2.host import Host
from localcloud.ec2.install import install
from localcloud.server import wsgi
from localcloud.server.wsgi import CloudApp, QuietHandler
from tests.http_server import answering

HUB = Hub("hub.example.test")
BOTH = ("hub.example.test", "*.hub.example.test")


class Listening:
    """What a launch says."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def note(self, words: str) -> None:
        self.notes.append(words)

    def warn(self, words: str) -> None:
        self.warnings.append(words)

    def waiting(self, words: str) -> None:
        pass


@pytest.fixture
def clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    monkeypatch.setattr(wsgi, "ROUTE53_S", 0)
    host = Host(tmp_path)
    host.open()
    install(host)
    ensure_zone("example.test")
    with answering(
        make_server(
            "127.0.0.1", 0, CloudApp(host, lambda: {"pid": 1}), threaded=True, request_handler=QuietHandler
        )
    ) as server:
        yield connect(Cloud("local", "us-east-1", f"http://127.0.0.1:{server.port}", "test", "test"))
    host.close()
    for backends in (ec2_backends, route53_backends):
        for account in backends.values():
            account.clear()


def launch(clients: Clients, *overrides: str, **options: Any) -> LaunchState:
    """A launch of the hub that has its address."""
    manifest = load(Path(__file__).parents[3] / "manifest.yaml", overrides=overrides)
    report: Any = Listening()
    state = LaunchState(
        HUB,
        resolve_options(manifest, CliOptions(email="you@your-university.edu", **options)),
        manifest,
        clients,
        report,
    )
    own = own_address(clients, HUB)
    if own is None:
        marks: Any = [
            {
                "ResourceType": "elastic-ip",
                "Tags": [{"Key": key, "Value": value} for key, value in HUB.tags.items()],
            }
        ]
        made = clients.ec2.allocate_address(Domain="vpc", TagSpecifications=marks)
        own = Address(made["AllocationId"], made["PublicIp"])
    state.address, state.names = own, HUB.names(subdomains=state.options.subdomains)
    return state


def run(state: LaunchState) -> LaunchState:
    FindZone().run(state)
    UpsertDnsRecords().run(state)
    return state


def listed(clients: Clients) -> dict[str, list[str]]:
    """{name type: values} at and below the hub's name, as Route 53 lists them."""
    zone = find_zone(clients, HUB.domain)
    assert zone
    found = clients.route53.list_resource_record_sets(HostedZoneId=zone.id)["ResourceRecordSets"]
    return {
        f"{one['Name']} {one['Type']}": [value["Value"] for value in one["ResourceRecords"]]
        for one in found
        if HUB.domain in one["Name"]
    }


def put(clients: Clients, name: str, value: str, kind: str = "A") -> None:
    """Somebody makes a record."""
    zone = find_zone(clients, HUB.domain)
    assert zone
    record: Any = {"Name": name, "Type": kind, "TTL": 300, "ResourceRecords": [{"Value": value}]}
    change: Any = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    clients.route53.change_resource_record_sets(HostedZoneId=zone.id, ChangeBatch=change)


def test_with_subdomains_there_are_two_and_another_launch_makes_none(clients: Clients) -> None:
    state = run(launch(clients, "hub.subdomains=true"))
    ip = state.address.ip
    assert listed(clients) == {"hub.example.test. A": [ip], "\\052.hub.example.test. A": [ip]}
    assert state.changes == [f"{name} points to {ip}" for name in BOTH]
    assert run(launch(clients, "hub.subdomains=true")).changes == []
    zone = find_zone(clients, HUB.domain)
    assert zone
    dns.remove_records(state, zone, ip)
    assert listed(clients) == {}


def test_without_subdomains_again_its_wildcard_goes(clients: Clients) -> None:
    ip = run(launch(clients, "hub.subdomains=true")).address.ip
    state = run(launch(clients))
    assert listed(clients) == {"hub.example.test. A": [ip]}
    assert state.changes == ["removed the record of *.hub.example.test"]
    assert run(launch(clients)).changes == []


def test_somebodys_own_wildcard_stays_where_there_never_were_subdomains(clients: Clients) -> None:
    state = launch(clients)
    put(clients, "*.hub.example.test", state.address.ip)
    assert run(state).changes == [f"hub.example.test points to {state.address.ip}"]
    assert "\\052.hub.example.test. A" in listed(clients)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("A", "192.0.2.7"), ("CNAME", "www.example.test."), ("HTTPS", "1 . alpn=h2 ipv4hint=192.0.2.7")],
)
def test_a_wildcard_that_points_elsewhere_is_not_overwritten(clients: Clients, kind: str, value: str) -> None:
    put(clients, "*.hub.example.test", value, kind)
    with pytest.raises(UserError, match=r"^\*\.hub\.example\.test points elsewhere already: " + kind):
        run(launch(clients, "hub.subdomains=true"))
    run(launch(clients))  # which does not need it
    assert listed(clients)[f"\\052.hub.example.test. {kind}"] == [value]
    ip = run(launch(clients, "hub.subdomains=true", take_over=True)).address.ip
    assert listed(clients) == {"hub.example.test. A": [ip], "\\052.hub.example.test. A": [ip]}


def test_names_below_that_go_before_the_wildcard_are_told(clients: Clients) -> None:
    for name in ("ada.hub.example.test", "x.bob.hub.example.test", "_acme-challenge.hub.example.test"):
        put(clients, name, "192.0.2.7")
    told: Any = run(launch(clients, "hub.subdomains=true")).report
    assert [words for words in told.warnings if "(ada, bob)" in words]
    told = run(launch(clients)).report
    assert told.warnings == []


def test_without_dns_every_record_to_make_is_printed(clients: Clients) -> None:
    state = run(launch(clients, "hub.subdomains=true", no_dns=True))
    notes = getattr(state.report, "notes", [])
    assert [words for words in notes if "create this" in words] == [
        f"create this record: {name}. 60 IN A {state.address.ip}" for name in BOTH
    ]
    assert listed(clients) == {}


def test_status_misses_the_record_of_users_hosts(clients: Clients) -> None:
    state = run(launch(clients))
    assert status._name(HUB, clients, state.address, BOTH[:1]).ok
    part = status._name(HUB, clients, state.address, BOTH)
    assert (part.ok, "no record of *.hub.example.test" in part.told) == (False, True)
    run(launch(clients, "hub.subdomains=true"))
    assert status._name(HUB, clients, state.address, BOTH).ok


def second_zone(clients: Clients) -> list[str]:
    """Make another public zone of the name; the ids of both."""
    clients.route53.create_hosted_zone(Name="example.test", CallerReference="again")
    return [zone.id for zone in zones_of(clients, HUB.domain)]


def test_two_zones_of_one_name_are_refused_with_their_ids(clients: Clients) -> None:
    """https://github.com/certbot/certbot/issues/9030"""
    ids = second_zone(clients)
    assert len(ids) == 2
    with pytest.raises(UserError, match=f"2 public hosted zones example.test: {ids[0]}, {ids[1]}") as caught:
        run(launch(clients))
    assert "`dig NS example.test`" in str(caught.value.hint)


def another_zone(clients: Clients, name: str) -> str:
    """Somebody makes a public zone; its id."""
    made = clients.route53.create_hosted_zone(Name=name, CallerReference=name)
    return str(made["HostedZone"]["Id"].rpartition("/")[2])


def test_a_zone_that_certbot_would_choose_instead_is_refused(clients: Clients) -> None:
    """https://github.com/certbot/certbot/issues/9966"""
    found = another_zone(clients, "_acme-challenge.hub.example.test")
    told = rf"a hosted zone _acme-challenge\.hub\.example\.test \({found}\): certbot would write there"
    with pytest.raises(UserError, match=told) as caught:
        run(launch(clients))
    assert "and its NS record in example.test" in str(caught.value.hint)


def test_challenges_of_another_hub_are_nothing_to_this_one(clients: Clients) -> None:
    another_zone(clients, "_acme-challenge.other.example.test")
    state: Any = run(launch(clients))
    assert state.report.warnings == []


def test_a_zone_that_its_parent_does_not_lead_to_is_told(clients: Clients) -> None:
    """https://github.com/certbot/certbot/issues/9236"""
    parent = find_zone(clients, HUB.domain)
    assert parent
    found = another_zone(clients, "hub.example.test")
    state: Any = run(launch(clients))
    (told,) = state.report.warnings
    assert told.startswith(f"example.test ({parent.id}) has no NS record of hub.example.test ({found}): ")
    servers = [{"Value": "ns-1.awsdns.example."}]
    record: Any = {"Name": "hub.example.test", "Type": "NS", "TTL": 300, "ResourceRecords": servers}
    change: Any = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    clients.route53.change_resource_record_sets(HostedZoneId=parent.id, ChangeBatch=change)
    state = run(launch(clients))
    assert state.report.warnings == []


def test_a_private_zone_of_the_name_does_not_count(clients: Clients) -> None:
    vpc_id = clients.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    clients.route53.create_hosted_zone(
        Name="example.test",
        CallerReference="private",
        HostedZoneConfig={"PrivateZone": True},
        VPC={"VPCRegion": "us-east-1", "VPCId": vpc_id},
    )
    run(launch(clients))


def test_destroy_removes_the_record_in_whichever_zone_it_is(clients: Clients) -> None:
    state = run(launch(clients))
    first = find_zone(clients, HUB.domain)
    second_zone(clients)
    RemoveDnsRecords().run(state)
    assert first
    found = clients.route53.list_resource_record_sets(HostedZoneId=first.id)["ResourceRecordSets"]
    assert not [one for one in found if HUB.domain in one["Name"]]
