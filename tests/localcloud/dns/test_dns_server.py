"""The sockets, asked as a resolver asks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from dnslib import RCODE, DNSRecord
from moto.route53.models import route53_backends

from localcloud.dns.server import DnsServer
from localcloud.dns.zones import RecordSet, Zone, ensure_zone, public_zones
from localcloud.ports import ADDRESS, Ports

ACCOUNT = "123456789012"
LONG = RecordSet("long.example.test.", "TXT", 1, tuple(f'"{number:0200}"' for number in range(9)))
ZONE = Zone("example.test.", (RecordSet("hub.example.test.", "A", 60, ("127.77.1.2",)), LONG))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DnsServer]:
    server = DnsServer(ADDRESS, Ports(tmp_path_factory.mktemp("ports")).choose("dns"), lambda: [ZONE])
    server.start()
    yield server
    server.stop()


def ask(server: DnsServer, name: str, kind: str = "A", *, tcp: bool = False) -> DNSRecord:
    return DNSRecord.parse(DNSRecord.question(name, kind).send(ADDRESS, server.port, tcp=tcp, timeout=5))


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_it_answers(server: DnsServer, tcp: bool) -> None:
    assert str(ask(server, "hub.example.test", tcp=tcp).rr[0].rdata) == "127.77.1.2"


def test_what_does_not_fit_into_a_datagram_comes_over_tcp(server: DnsServer) -> None:
    over_udp = ask(server, "long.example.test", "TXT")
    assert (over_udp.header.tc, over_udp.rr) == (1, [])
    assert len(ask(server, "long.example.test", "TXT", tcp=True).rr) == 9


def test_several_queries_over_one_connection(server: DnsServer) -> None:
    with (
        socket.create_connection((ADDRESS, server.port), timeout=5) as connection,
        connection.makefile("rb") as replies,
    ):
        for name in ("hub.example.test", "nothing.example.test"):
            wire = DNSRecord.question(name).pack()
            connection.sendall(len(wire).to_bytes(2, "big") + wire)
            reply = DNSRecord.parse(replies.read(int.from_bytes(replies.read(2), "big")))
            assert str(reply.q.qname) == f"{name}."


@pytest.mark.parametrize("rubbish", [b"", b"\0", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 600])
def test_rubbish_gets_no_reply_and_harms_nobody(server: DnsServer, rubbish: bytes) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as asker:
        asker.settimeout(0.2)
        asker.sendto(rubbish, (ADDRESS, server.port))
        with pytest.raises(TimeoutError):
            asker.recv(4096)
    assert ask(server, "hub.example.test").header.rcode == RCODE.NOERROR


def test_a_reply_is_not_replied_to(server: DnsServer) -> None:
    """Or two servers would talk to each other for ever."""
    with socket.socket(type=socket.SOCK_DGRAM) as asker:
        asker.settimeout(0.2)
        asker.sendto(DNSRecord.question("hub.example.test").reply().pack(), (ADDRESS, server.port))
        with pytest.raises(TimeoutError):
            asker.recv(4096)


def test_the_port_is_taken_once_and_free_after_the_end(tmp_path: Path) -> None:
    ports = Ports(tmp_path)
    first = DnsServer(ADDRESS, ports.choose("dns"), list)
    with pytest.raises(OSError):
        DnsServer(ADDRESS, first.port, list)
    first.start()
    first.stop()
    second = DnsServer(ADDRESS, first.port, list)
    second.start()
    second.stop()


def test_zones_are_motos_public_ones() -> None:
    lock = threading.RLock()
    backend = route53_backends[ACCOUNT]["aws"]
    try:
        assert ensure_zone("example.test")
        assert not ensure_zone("Example.Test.")
        backend.create_hosted_zone("inside.test.", private_zone=True, vpcid="vpc-1", vpcregion="us-east-1")
        (zone_id,) = [zone.id for zone in backend.zones.values() if zone.name == "example.test."]
        new = {
            "Name": "\\052.Hub.example.test",
            "Type": "A",
            "TTL": 60,
            "ResourceRecords": [{"Value": "127.77.1.2"}],
        }
        backend.change_resource_record_sets(zone_id, [{"Action": "UPSERT", "ResourceRecordSet": new}])
        (zone,) = public_zones(lock)
        assert zone.name == "example.test."
        assert {one.type for one in zone.sets} == {"SOA", "NS", "A"}
        assert zone.sets[-1] == RecordSet("*.hub.example.test.", "A", 60, ("127.77.1.2",))
    finally:
        backend.zones.clear()
