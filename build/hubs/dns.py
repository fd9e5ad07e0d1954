"""The hosted zone of a hub, and the records at the hub's names and below them, as Route 53 lists them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from build.hubs.models import Zone

if TYPE_CHECKING:
    from build.aws.session import Clients
    from build.hubs.hub import Hub

_NAMING = ("A", "AAAA", "CNAME", "HTTPS", "SVCB")
"""Types that say where browsers connect to; HTTPS and SVCB may carry addresses of their own (RFC 9460)."""


def find_zone(clients: Clients, domain: str) -> Zone | None:
    """The public hosted zone that holds ``domain``: the longest match, the first of several of that name."""
    return next(iter(zones_of(clients, domain)), None)


def zones_of(clients: Clients, domain: str) -> list[Zone]:
    """Every public hosted zone of the longest name that holds ``domain``; Route 53 allows several."""
    found = public_zones(clients)
    name = longest_match(domain, (zone.name for zone in found))
    return [zone for zone in found if zone.name == name]


def public_zones(clients: Clients) -> list[Zone]:
    """All of the account, in the order in which Route 53 lists them."""
    pages = clients.route53.get_paginator("list_hosted_zones").paginate()
    return [
        Zone(zone["Id"].rpartition("/")[2], zone["Name"].rstrip("."))
        for page in pages
        for zone in page["HostedZones"]
        if not zone.get("Config", {}).get("PrivateZone")
    ]


def longest_match(domain: str, zones: Iterable[str]) -> str | None:
    """Of the zone names those that are ``domain`` or end it at a dot; of them the longest."""
    return max((zone for zone in zones if zone and f".{domain}".endswith(f".{zone}")), key=len, default=None)


def records_of(clients: Clients, zone: Zone, *names: str) -> list[Any]:
    """The records at these names that say where they are."""
    return [
        record for record in _records(clients, zone) if plain(record) in names and record["Type"] in _NAMING
    ]


def delegated_names(clients: Clients, zone: Zone) -> set[str]:
    """Names with NS records in the zone, its own among them."""
    return {plain(record) for record in _records(clients, zone) if record["Type"] == "NS"}


def labels_below(clients: Clients, zone: Zone, hub: Hub) -> list[str]:
    """What is directly below the hub's name and could be somebody's host; a name further down makes those
    above it exist (RFC 4592).
    """
    end = f".{hub.domain}"
    below = {
        plain(record).removesuffix(end).rpartition(".")[2]
        for record in _records(clients, zone)
        if plain(record).endswith(end)
    }
    return sorted(label for label in below if label != "*" and not label.startswith("_"))


def _records(clients: Clients, zone: Zone) -> list[Any]:
    pages = clients.route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone.id)
    return [record for page in pages for record in page["ResourceRecordSets"]]


def plain(record: Mapping[str, Any]) -> str:
    """The name of a record without its final dot; Route 53 writes an asterisk as \\052."""
    return str(record["Name"]).rstrip(".").replace("\\052", "*")


def points_to(record: Mapping[str, Any], ip: str | None) -> bool:
    """Whether it is an A record with this one address."""
    return (
        record["Type"] == "A"
        and ip is not None
        and [value["Value"] for value in record.get("ResourceRecords", [])] == [ip]
    )


def in_words(record: Mapping[str, Any]) -> str:
    """``A 192.0.2.7``."""
    alias = f"alias {record.get('AliasTarget', {}).get('DNSName', '?')}"
    values = [value["Value"] for value in record.get("ResourceRecords", [])]
    return f"{record['Type']} {' '.join(values) or alias}"
