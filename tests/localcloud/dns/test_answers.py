"""What an authoritative server says, as a resolver reads it."""

from __future__ import annotations

import string

import pytest
from dnslib import EDNS0, QTYPE, RCODE, DNSHeader, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from localcloud.dns.answers import answer, largest_datagram, truncated
from localcloud.dns.zones import RecordSet, Zone

SOA = RecordSet(
    "example.test.", "SOA", 900, ("ns-1.awsdns.com. hostmaster.example.com. 1 7200 900 1209600 60",)
)
NS = RecordSet("example.test.", "NS", 172800, ("ns-1.awsdns.com", "ns-2.awsdns.org."))
ZONE = Zone(
    "example.test.",
    (
        SOA,
        NS,
        RecordSet("hub.example.test.", "A", 60, ("127.77.1.2", "127.77.1.3")),
        RecordSet("hub.example.test.", "AAAA", 60, ("fd00::1",)),
        RecordSet("example.test.", "MX", 300, ("10 mail.example.test", "20 backup.example.org")),
        RecordSet("_acme-challenge.hub.example.test.", "TXT", 10, ('"token-1"', '"token-2"')),
        RecordSet("odd.example.test.", "TXT", 10, ('"two" "strings with \\"quotes\\" and \\303\\251"',)),
        RecordSet("www.example.test.", "CNAME", 30, ("hub.example.test",)),
        RecordSet("away.example.test.", "CNAME", 30, ("elsewhere.example.org",)),
        RecordSet("lost.example.test.", "CNAME", 30, ("nothing.example.test",)),
        RecordSet("loop.example.test.", "CNAME", 30, ("loop.example.test",)),
        RecordSet("alias.example.test.", "A", 0, (), alias="hub.example.test."),
        RecordSet("deep.down.example.test.", "A", 60, ("127.77.1.9",)),
        RecordSet("*.wild.example.test.", "A", 60, ("127.77.1.4",)),
        RecordSet("fixed.wild.example.test.", "TXT", 60, ('"x"',)),
        RecordSet("broken.example.test.", "A", 60, ("not an address", "127.77.1.5")),
        RecordSet("cut.example.test.", "NS", 60, ("ns.example.org",)),
        RecordSet("_https._tcp.example.test.", "SRV", 60, ("1 2 443 hub.example.test",)),
        RecordSet("example.test.", "CAA", 60, ('0 issue "letsencrypt.org"',)),
    ),
)
INNER = Zone("inner.example.test.", (RecordSet("inner.example.test.", "A", 60, ("127.77.1.7",)),))
ZONES = [ZONE, INNER]


def ask(name: str, kind: str = "A") -> DNSRecord:
    """The reply, through the wire and back."""
    query = DNSRecord.question(name, kind)
    reply = DNSRecord.parse(answer(query, ZONES).pack())
    assert (reply.header.id, reply.header.qr, reply.header.ra) == (query.header.id, 1, 0)
    assert reply.q == query.q
    return reply


def said(reply: DNSRecord) -> list[str]:
    return [f"{QTYPE[record.rtype]} {record.rdata}" for record in reply.rr]


@pytest.mark.parametrize(
    ("name", "kind", "answers"),
    [
        ("hub.example.test", "A", ["A 127.77.1.2", "A 127.77.1.3"]),
        ("hub.example.test", "AAAA", ["AAAA fd00::1"]),
        ("example.test", "MX", ["MX 10 mail.example.test.", "MX 20 backup.example.org."]),
        ("example.test", "NS", ["NS ns-1.awsdns.com.", "NS ns-2.awsdns.org."]),
        ("example.test", "SOA", ["SOA ns-1.awsdns.com. hostmaster.example.com. 1 7200 900 1209600 60"]),
        ("example.test", "CAA", ['CAA 0 issue "letsencrypt.org"']),
        ("_https._tcp.example.test", "SRV", ["SRV 1 2 443 hub.example.test."]),
        ("_acme-challenge.hub.example.test", "TXT", ['TXT "token-1"', 'TXT "token-2"']),
        ("www.example.test", "A", ["CNAME hub.example.test.", "A 127.77.1.2", "A 127.77.1.3"]),
        ("www.example.test", "CNAME", ["CNAME hub.example.test."]),
        ("away.example.test", "A", ["CNAME elsewhere.example.org."]),
        ("alias.example.test", "A", ["A 127.77.1.2", "A 127.77.1.3"]),
        ("any.wild.example.test", "A", ["A 127.77.1.4"]),
        ("a.b.wild.example.test", "A", ["A 127.77.1.4"]),
        ("inner.example.test", "A", ["A 127.77.1.7"]),
        ("broken.example.test", "A", ["A 127.77.1.5"]),
        ("hub.example.test", "ANY", ["A 127.77.1.2", "A 127.77.1.3", "AAAA fd00::1"]),
    ],
)
def test_what_there_is(name: str, kind: str, answers: list[str]) -> None:
    reply = ask(name, kind)
    assert (said(reply), reply.header.rcode, reply.header.aa) == (answers, RCODE.NOERROR, 1)


def test_strings_with_quotes_and_bytes() -> None:
    assert ask("odd.example.test", "TXT").rr[0].rdata.data == [b"two", 'strings with "quotes" and é'.encode()]


@pytest.mark.parametrize(
    "name", ["nothing.example.test", "x.hub.example.test", "lost.example.test", "x.inner.example.test"]
)
def test_no_such_name(name: str) -> None:
    assert ask(name).header.rcode == RCODE.NXDOMAIN


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("hub.example.test", "TXT"),
        ("down.example.test", "A"),
        ("wild.example.test", "A"),
        ("fixed.wild.example.test", "A"),
        ("x.wild.example.test", "MX"),
    ],
)
def test_a_name_without_records_of_that_type_is_no_missing_name(name: str, kind: str) -> None:
    reply = ask(name, kind)
    assert (reply.header.rcode, said(reply), reply.header.aa) == (RCODE.NOERROR, [], 1)
    # how long to remember that there is none
    assert [(QTYPE[record.rtype], record.ttl) for record in reply.auth] == [("SOA", 60)]


def test_a_zone_handed_to_others_is_a_referral() -> None:
    reply = ask("host.cut.example.test")
    assert (reply.header.rcode, reply.header.aa, said(reply)) == (RCODE.NOERROR, 0, [])
    assert [str(record.rdata) for record in reply.auth] == ["ns.example.org."]


@pytest.mark.parametrize("name", ["example.org", "test", "otherexample.test", "."])
def test_a_name_in_no_zone_is_refused(name: str) -> None:
    reply = ask(name)
    assert (reply.header.rcode, reply.header.aa) == (RCODE.REFUSED, 0)


def test_a_cname_to_itself_ends() -> None:
    assert said(ask("loop.example.test"))[0] == "CNAME loop.example.test."


@given(st.lists(st.booleans(), min_size=16, max_size=16))
def test_case_does_not_matter_and_comes_back_as_asked(upper: list[bool]) -> None:
    name = "".join(
        letter.upper() if up else letter for letter, up in zip("hub.example.test", upper, strict=True)
    )
    reply = ask(name)
    assert said(reply) == ["A 127.77.1.2", "A 127.77.1.3"]
    assert {str(record.rname) for record in reply.rr} == {name + "."}


labels = st.lists(
    st.text(string.ascii_letters + string.digits + "-_*", min_size=1, max_size=63), min_size=0, max_size=3
)


@given(
    labels,
    st.sampled_from(
        ["", "example.test", "wild.example.test", "cut.example.test", "inner.example.test", "org"]
    ),
    st.integers(0, 70),
)
def test_every_name_and_type_gets_a_reply_that_can_be_read(parts: list[str], below: str, kind: int) -> None:
    name = ".".join([*parts, below]).strip(".") or "."
    query = DNSRecord(DNSHeader(rd=1), q=DNSRecord.question(name).q)
    query.q.qtype = kind
    reply = DNSRecord.parse(answer(query, ZONES).pack())
    assert reply.header.rcode in (RCODE.NOERROR, RCODE.NXDOMAIN, RCODE.REFUSED)
    assert all(str(record.rname).lower().endswith(("example.test.", "example.org.")) for record in reply.rr)


def test_other_requests_than_queries_are_not_implemented() -> None:
    query = DNSRecord.question("hub.example.test")
    query.header.opcode = 5  # UPDATE
    assert answer(query, ZONES).header.rcode == RCODE.NOTIMP


def test_a_large_answer_is_cut_with_its_question_kept() -> None:
    long = Zone(
        "example.test.",
        (SOA, RecordSet("t.example.test.", "TXT", 1, tuple(f'"{number:0200}"' for number in range(9)))),
    )
    query = DNSRecord.question("t.example.test", "TXT")
    assert largest_datagram(query) == 512
    reply = answer(query, [long])
    assert len(reply.pack()) > 1232
    short = DNSRecord.parse(truncated(reply).pack())
    assert (short.header.tc, short.rr, short.q) == (1, [], query.q)


def test_who_takes_more_over_udp_says_so_and_is_told_how_much_we_take() -> None:
    query = DNSRecord.question("hub.example.test")
    query.add_ar(EDNS0(udp_len=4096))
    assert largest_datagram(query) == 1232
    assert [record.rclass for record in answer(query, ZONES).ar] == [1232]
