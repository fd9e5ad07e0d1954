"""moto's Route 53 as a DNS server needs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.route53.models import FakeZone, Route53Backend, route53_backends
from moto.route53.models import RecordSet as MotoRecordSet

PARTITION = "aws"


@dataclass(frozen=True)
class RecordSet:
    """The values of one name and type; names are in lower case with their final dot."""

    name: str
    type: str
    ttl: int
    values: tuple[str, ...]
    alias: str | None = None  # the name whose records of the same type are answered instead


@dataclass(frozen=True)
class Zone:
    """A public hosted zone."""

    name: str
    sets: tuple[RecordSet, ...]


def public_zones(lock: AbstractContextManager[object]) -> list[Zone]:
    """Every public zone of every account, as it is now.

    Of several with one name only the first: the one that is delegated to.
    """
    with lock:
        found: dict[str, Zone] = {}
        for zone in _all_zones():
            name = absolute(zone.name)
            if not zone.private_zone and name not in found:
                found[name] = Zone(name, tuple(_sets(zone.rrsets)))
        return list(found.values())


def ensure_zone(name: str) -> bool:
    """Make a public zone if there is none of that name; True when it was made. The caller holds the lock."""
    backend = route53_backends[DEFAULT_ACCOUNT_ID][PARTITION]
    if any(absolute(zone.name) == absolute(name) for zone in backend.zones.values()):
        return False
    backend.create_hosted_zone(absolute(name), private_zone=False, comment="from the start")
    return True


def absolute(name: str) -> str:
    """A name as DNS compares it."""
    # Route 53 writes an asterisk as \052.
    return name.strip().rstrip(".").lower().replace("\\052", "*") + "."


def _all_zones() -> Iterator[FakeZone]:
    for _, _, backend in route53_backends.iter_backends():
        if isinstance(backend, Route53Backend):
            yield from backend.zones.values()


def _sets(sets: Iterable[MotoRecordSet]) -> Iterator[RecordSet]:
    """Routing policies are not played: a weight of 0 and a SECONDARY are left out, all else is answered."""
    for one in sets:
        if str(one.weight) == "0" or one.failover == "SECONDARY":
            continue
        target = (one.alias_target or {}).get("DNSName")
        values = tuple(str(value) for value in one.records or ())
        yield RecordSet(
            absolute(one.name), str(one.type), int(one.ttl or 0), values, absolute(target) if target else None
        )
