"""A query and the zones -> the reply an authoritative server gives (RFC 1034 4.3.2, RFC 2308)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dnslib import CLASS, EDNS0, OPCODE, QTYPE, RCODE, RR, SOA, DNSRecord

from localcloud.dns.records import records
from localcloud.dns.zones import RecordSet, Zone

CHAIN = 8  # CNAMEs followed within our own zones
UDP_BYTES, EDNS_BYTES = 512, 1232
ANY_CLASS = 255


def answer(query: DNSRecord, zones: Sequence[Zone]) -> DNSRecord:
    """The reply to one query. A name in no zone is REFUSED: this server asks nobody else."""
    reply = query.reply(ra=0, aa=0)
    if _udp_payload(query) is not None:
        reply.add_ar(EDNS0(udp_len=EDNS_BYTES))
    if query.header.opcode != OPCODE.QUERY:
        reply.header.rcode = RCODE.NOTIMP
    elif len(query.questions) != 1:
        reply.header.rcode = RCODE.FORMERR
    elif query.q.qclass not in (CLASS.IN, ANY_CLASS):
        reply.header.rcode = RCODE.REFUSED
    else:
        _resolve(reply, str(query.q.qname), _type_name(query.q.qtype), zones)
    return reply


def largest_datagram(query: DNSRecord) -> int:
    """Bytes the asker takes over UDP."""
    return min(max(_udp_payload(query) or UDP_BYTES, UDP_BYTES), EDNS_BYTES)


def truncated(reply: DNSRecord) -> DNSRecord:
    """The same without its records, to ask again over TCP; the question stays, resolvers compare it."""
    short = DNSRecord(reply.header, questions=reply.questions)
    short.header.tc = 1
    short.set_header_qa()
    return short


def _udp_payload(query: DNSRecord) -> int | None:
    return next((int(record.rclass) for record in query.ar if record.rtype == QTYPE.OPT), None)


def _type_name(number: int) -> str:
    return str(QTYPE.get(number))


def _resolve(reply: DNSRecord, asked: str, kind: str, zones: Sequence[Zone]) -> None:
    """Follow CNAMEs from the name asked for as long as they stay in our zones."""
    owner, name = asked, asked.lower()
    for link in range(CHAIN):
        zone = _closest(name, zones)
        if zone is None:
            if link == 0:
                reply.header.rcode = RCODE.REFUSED
            return
        if cut := _delegation(zone, name):
            reply.add_auth(*records(cut.name, "NS", cut.ttl, cut.values))
            return
        if link == 0:
            reply.header.aa = 1
        target = _look(reply, zone, owner, name, kind, zones)
        if target is None:
            return
        owner, name = target, target.lower()


def _look(
    reply: DNSRecord, zone: Zone, owner: str, name: str, kind: str, zones: Sequence[Zone]
) -> str | None:
    """Add what the zone knows of a name; the target of its CNAME if there is one to follow."""
    sets = _node(zone, name)
    if sets is None:
        reply.header.rcode = RCODE.NXDOMAIN
        reply.add_auth(*_authority(zone))
        return None
    found = [
        record for one in sets if kind in (one.type, "ANY") for record in _materialize(one, owner, zones)
    ]
    if found:
        reply.add_answer(*found)
        return None
    for cname in (one for one in sets if one.type == "CNAME"):
        links = _materialize(cname, owner, zones)
        reply.add_answer(*links)
        return str(links[0].rdata.label) if links else None
    reply.add_auth(*_authority(zone))
    return None


def _node(zone: Zone, name: str) -> list[RecordSet] | None:
    """The sets of a name, also by a wildcard; [] where only names below it exist; None where nothing is."""
    if _exists(zone, name):
        return [one for one in zone.sets if one.name == name]
    encloser = next((parent for parent in _parents(name) if _exists(zone, parent)), zone.name)
    return [one for one in zone.sets if one.name == f"*.{encloser}"] or None


def _exists(zone: Zone, name: str) -> bool:
    return any(one.name == name or one.name.endswith(f".{name}") for one in zone.sets) or name == zone.name


def _delegation(zone: Zone, name: str) -> RecordSet | None:
    """The NS records at or above the name and below the zone's own."""
    cuts = {one.name: one for one in zone.sets if one.type == "NS" and one.name != zone.name}
    places = [place for place in (name, *_parents(name)) if place.endswith(f".{zone.name}")]
    return next((cuts[place] for place in reversed(places) if place in cuts), None)


def _closest(name: str, zones: Sequence[Zone]) -> Zone | None:
    by_name = {zone.name: zone for zone in zones}
    return next((by_name[place] for place in (name, *_parents(name)) if place in by_name), None)


def _parents(name: str) -> Iterator[str]:
    """The names above, nearest first; not the root."""
    labels = name.rstrip(".").split(".")
    for start in range(1, len(labels)):
        yield ".".join(labels[start:]) + "."


def _materialize(one: RecordSet, owner: str, zones: Sequence[Zone], depth: int = 0) -> list[RR]:
    """The records of a set under the name that was asked for; an alias stands for another set's."""
    if one.alias is None:
        return records(owner, one.type, one.ttl, one.values)
    zone = _closest(one.alias, zones)
    if zone is None or depth == CHAIN:
        return []
    return [
        record
        for other in _node(zone, one.alias) or ()
        if other.type == one.type
        for record in _materialize(other, owner, zones, depth + 1)
    ]


def _authority(zone: Zone) -> list[RR]:
    """The zone's SOA; its lifetime is how long "there is none" may be remembered."""
    found = [
        record
        for one in zone.sets
        if one.type == "SOA" and one.name == zone.name
        for record in records(*_parts(one))
    ]
    for record in found:
        if isinstance(record.rdata, SOA):
            record.ttl = min(record.ttl, record.rdata.times[4])
    return found


def _parts(one: RecordSet) -> tuple[str, str, int, tuple[str, ...]]:
    return one.name, one.type, one.ttl, one.values
