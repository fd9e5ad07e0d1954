"""The hub's name: which hosted zone it is in, whether it is free, and the record that points to the address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from build.aws.wait import wait_until
from build.errors import UserError
from build.launch.address import own_address
from build.launch.state import Launch, Zone
from build.pipeline import Step

if TYPE_CHECKING:
    from build.aws.session import Clients
    from build.hubs.hub import Hub

TTL_S = 60
_INSYNC_S = 600
_NAMING = ("A", "AAAA", "CNAME")


class FindZone(Step[Launch]):
    """Find the hosted zone, and see that the name is free or this hub's own.

    Produces: zone.
    """

    title = "find the hosted zone"

    def run(self, state: Launch) -> None:
        """Raises UserError when there is no zone, or a record points elsewhere and --take-over was not given."""
        state.zone = find_zone(state.clients, state.hub.domain)
        if state.zone is None:
            if state.wishes.dns:
                raise UserError(
                    f"no public hosted zone of this account holds {state.hub.domain}",
                    hint="make one in Route 53, or use --no-dns (without a zone there is no certificate by DNS-01 either)",
                )
            state.report.warn(f"no hosted zone holds {state.hub.domain}: the hub cannot get a certificate for it")
            return
        state.report.note(f"zone {state.zone.name} ({state.zone.id})")
        if state.wishes.dns and not state.wishes.take_over:
            self._require_free(state, state.zone)

    def _require_free(self, state: Launch, zone: Zone) -> None:
        address = own_address(state.clients, state.hub)
        foreign = [
            record for record in records_of(state.clients, zone, state.hub) if not points_to(record, address.ip if address else None)
        ]
        if foreign:
            raise UserError(
                f"{state.hub.domain} points elsewhere already: {', '.join(map(in_words, foreign))}",
                hint="--take-over replaces the record; --no-dns leaves it alone",
            )


class PointName(Step[Launch]):
    """Let the name point to the address, and wait until all of Route 53's servers know.

    Needs: zone, address.
    """

    title = "point the name to the address"

    def run(self, state: Launch) -> None:
        """Raises UserError for a record that cannot be replaced, CloudError when Route 53 takes too long."""
        wanted: dict[str, Any] = {
            "Name": f"{state.hub.domain}.",
            "Type": "A",
            "TTL": TTL_S,
            "ResourceRecords": [{"Value": state.address.ip}],
        }
        if not state.wishes.dns or state.zone is None:
            if not state.wishes.rehearse:
                state.report.note(f"make this record: {state.hub.domain}. {TTL_S} IN A {state.address.ip}")
            return
        there = records_of(state.clients, state.zone, state.hub)
        if [record for record in there if record["Type"] in _NAMING] == [wanted]:
            return
        if any("SetIdentifier" in record for record in there):
            raise UserError(f"{state.hub.domain} has records with a routing policy", hint="remove them in Route 53, then run this again")
        gone = [{"Action": "DELETE", "ResourceRecordSet": record} for record in there if record["Type"] in ("AAAA", "CNAME")]
        change(state, state.zone, [*gone, {"Action": "UPSERT", "ResourceRecordSet": wanted}])
        state.did(f"{state.hub.domain} points to {state.address.ip}")


def remove_record(state: Launch, zone: Zone, ip: str) -> None:
    """Remove the A record if it is this hub's own, which is to say points to ``ip``."""
    own = [record for record in records_of(state.clients, zone, state.hub) if points_to(record, ip)]
    if own:
        change(state, zone, [{"Action": "DELETE", "ResourceRecordSet": record} for record in own])
        state.did(f"removed the record of {state.hub.domain}")


def change(state: Launch, zone: Zone, changes: list[Any]) -> None:
    """Change the zone in one batch and wait for INSYNC. Raises CloudError when it takes longer than ten minutes."""
    route53 = state.clients.route53
    done = route53.change_resource_record_sets(HostedZoneId=zone.id, ChangeBatch={"Comment": "hubsmith", "Changes": changes})
    change_id = done["ChangeInfo"]["Id"]
    wait_until(
        lambda: str(route53.get_change(Id=change_id)["ChangeInfo"]["Status"]),
        lambda status: status == "INSYNC",
        what=f"the change in {zone.name}",
        timeout_s=_INSYNC_S,
        on_wait=state.report.waiting,
        hint="look at the zone in Route 53; the same command goes on from here",
    )


def find_zone(clients: Clients, domain: str) -> Zone | None:
    """The public hosted zone that holds ``domain``: the longest match."""
    pages = clients.route53.get_paginator("list_hosted_zones").paginate()
    found = [zone for page in pages for zone in page["HostedZones"] if not zone.get("Config", {}).get("PrivateZone")]
    zones = {zone["Name"].rstrip("."): zone["Id"].rpartition("/")[2] for zone in found}
    name = longest_match(domain, zones)
    return Zone(zones[name], name) if name is not None else None


def longest_match(domain: str, zones: Iterable[str]) -> str | None:
    """Of the zone names those that are ``domain`` or end it at a dot; of them the longest."""
    return max((zone for zone in zones if zone and f".{domain}".endswith(f".{zone}")), key=len, default=None)


def records_of(clients: Clients, zone: Zone, hub: Hub) -> list[Any]:
    """The records at the hub's own name that say where it is."""
    name = f"{hub.domain}."
    pages = clients.route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone.id)
    return [record for page in pages for record in page["ResourceRecordSets"] if record["Name"] == name and record["Type"] in _NAMING]


def points_to(record: Mapping[str, Any], ip: str | None) -> bool:
    """Whether it is an A record with this one address."""
    return record["Type"] == "A" and ip is not None and [value["Value"] for value in record.get("ResourceRecords", [])] == [ip]


def in_words(record: Mapping[str, Any]) -> str:
    """``A 192.0.2.7``."""
    alias = f"alias {record.get('AliasTarget', {}).get('DNSName', '?')}"
    values = [value["Value"] for value in record.get("ResourceRecords", [])]
    return f"{record['Type']} {' '.join(values) or alias}"
