"""The hub's name: which hosted zone it is in, whether it is free, and the records that point to the address.

With subdomains a wildcard beside the name leads users' hosts there.
"""

from __future__ import annotations

from typing import Any

from build.aws import eventual, tags
from build.aws.wait import wait_until
from build.errors import UserError
from build.hubs import instances
from build.hubs.address import own_address
from build.hubs.dns import in_words, labels_below, plain, points_to, records_of
from build.hubs.models import Zone
from build.launch import hosted_zone
from build.launch.state import LaunchState
from build.pipeline import Step

TTL_S = 60
_INSYNC_S = 600
# DNS takes 253 in all; labels of users have 32 at most (hubsmith_hub.hosts)
_LONGEST_WITH_SUBDOMAINS = 253 - len(".") - 32


class FindZone(Step[LaunchState]):
    """Find the hosted zone, and see that the name is free or this hub's own.

    Produces: zone.
    """

    title = "find the hosted zone"

    def run(self, state: LaunchState) -> None:
        """Raises UserError when there is no zone, or none that certbot would choose too; also when a record
        points elsewhere and --take-over was not given.
        """
        if state.options.subdomains and len(state.hub.domain) > _LONGEST_WITH_SUBDOMAINS:
            raise UserError(
                f"hub.subdomains: {state.hub.domain} has {len(state.hub.domain)} characters; with "
                f"users' hosts below it, the limit is {_LONGEST_WITH_SUBDOMAINS}",
                hint="use a shorter --domain",
            )
        state.zone = hosted_zone.choose(state.clients, state.hub.domain, state.report)
        if state.zone is None:
            if state.options.dns:
                raise UserError(
                    f"no public hosted zone of this account holds {state.hub.domain}",
                    hint=(
                        "create one in Route 53, or use --no-dns (without a zone there is no certificate "
                        "by DNS-01 either)"
                    ),
                )
            state.report.warn(
                f"no hosted zone holds {state.hub.domain}: the hub cannot get a certificate for it"
            )
            return
        state.report.note(f"zone {state.zone.name} ({state.zone.id})")
        if not state.options.dns:
            return
        names = self._names(state)
        if not state.options.take_over:
            self._require_free(state, state.zone, names)
        if len(names) > 1 and (labels := labels_below(state.clients, state.zone, state.hub)):
            state.report.warn(
                f"there are records below {state.hub.domain} already ({', '.join(labels)}): they take "
                "precedence over the wildcard record, so a user of such a name cannot reach their server"
            )

    def _names(self, state: LaunchState) -> tuple[str, ...]:
        """Those that this launch may point to the hub: of the instance that is kept, and of a new one."""
        subdomains = state.options.subdomains or any(
            one.subdomains for one in instances.of_hub(state.clients, state.hub)
        )
        return state.hub.names(subdomains=subdomains)

    def _require_free(self, state: LaunchState, zone: Zone, names: tuple[str, ...]) -> None:
        address = own_address(state.clients, state.hub)
        records = records_of(state.clients, zone, *names)
        foreign = [record for record in records if not points_to(record, address.ip if address else None)]
        if foreign:
            taken = {
                name: [in_words(record) for record in foreign if plain(record) == name] for name in names
            }
            raise UserError(
                "; ".join(
                    f"{name} points elsewhere already: {', '.join(words)}"
                    for name, words in taken.items()
                    if words
                ),
                hint="--take-over replaces the record; --no-dns leaves it alone",
            )


class UpsertDnsRecords(Step[LaunchState]):
    """Let the name (and the wildcard below it) point to the address; wait until Route 53 says INSYNC.

    Needs: zone, address, names.
    """

    title = "point the name to the address"

    def run(self, state: LaunchState) -> None:
        """Raises UserError for a record that cannot be replaced, CloudError when Route 53 takes too long."""
        if not state.options.dns or state.zone is None:
            for name in () if state.options.rehearse else state.names:
                state.report.note(f"create this record: {name}. {TTL_S} IN A {state.address.ip}")
            return
        records = records_of(state.clients, state.zone, *state.hub.names(subdomains=True))
        changes = {
            name: self._changes(state, name, [one for one in records if plain(one) == name])
            for name in state.names
        }
        if any(changes.values()):
            if state.hub.wildcard in state.names:
                mark = tags.as_list({tags.SUBDOMAINS: "true"})
                eventual.retried(
                    lambda: state.clients.ec2.create_tags(Resources=[state.address.allocation_id], Tags=mark),
                    what=state.address.ip,
                    on_wait=state.report.waiting,
                )
            change(state, state.zone, [one for some in changes.values() for one in some])
            for name in (name for name, some in changes.items() if some):
                state.record_change(f"{name} points to {state.address.ip}")
        if state.hub.wildcard not in state.names:
            self._remove_wildcard(state, state.zone, records)

    def _changes(self, state: LaunchState, name: str, records: list[Any]) -> list[Any]:
        wanted: dict[str, Any] = {
            "Name": f"{name}.",
            "Type": "A",
            "TTL": TTL_S,
            "ResourceRecords": [{"Value": state.address.ip}],
        }
        if [{**record, "Name": f"{plain(record)}."} for record in records] == [wanted]:
            return []
        if any("SetIdentifier" in record for record in records):
            raise UserError(
                f"{name} has records with a routing policy",
                hint="remove them in Route 53, then run this again",
            )
        gone = [
            {"Action": "DELETE", "ResourceRecordSet": record}
            for record in records
            if record["Type"] in ("AAAA", "CNAME", "HTTPS", "SVCB")
        ]
        return [*gone, {"Action": "UPSERT", "ResourceRecordSet": wanted}]

    def _remove_wildcard(self, state: LaunchState, zone: Zone, records: list[Any]) -> None:
        """The one that a launch has made before, known by its tag on the address."""
        own = [
            record
            for record in records
            if plain(record) == state.hub.wildcard and points_to(record, state.address.ip)
        ]
        address = state.clients.ec2.describe_addresses(AllocationIds=[state.address.allocation_id])[
            "Addresses"
        ][0]
        if tags.SUBDOMAINS not in tags.as_dict(address.get("Tags")):
            return
        _remove(state, zone, own)
        state.clients.ec2.delete_tags(
            Resources=[state.address.allocation_id], Tags=[{"Key": tags.SUBDOMAINS}]
        )


def remove_records(state: LaunchState, zone: Zone, ip: str) -> None:
    """Remove the A records that are this hub's own, which is to say point to ``ip``."""
    records = records_of(state.clients, zone, *state.hub.names(subdomains=True))
    _remove(state, zone, [record for record in records if points_to(record, ip)])


def _remove(state: LaunchState, zone: Zone, records: list[Any]) -> None:
    if records:
        change(state, zone, [{"Action": "DELETE", "ResourceRecordSet": record} for record in records])
        state.record_change(f"removed the record of {' and '.join(map(plain, records))}")


def change(state: LaunchState, zone: Zone, changes: list[Any]) -> None:
    """Change the zone in one batch and wait for INSYNC.

    Raises CloudError when it takes longer than ten minutes.
    """
    route53 = state.clients.route53
    done = route53.change_resource_record_sets(
        HostedZoneId=zone.id, ChangeBatch={"Comment": "hubsmith", "Changes": changes}
    )
    change_id = done["ChangeInfo"]["Id"]
    wait_until(
        lambda: str(route53.get_change(Id=change_id)["ChangeInfo"]["Status"]),
        lambda status: status == "INSYNC",
        what=f"the change in {zone.name}",
        timeout_s=_INSYNC_S,
        on_wait=state.report.waiting,
        hint="look at the zone in Route 53; run the same command again to go on from here",
    )
