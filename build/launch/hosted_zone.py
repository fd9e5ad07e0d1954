"""Which hosted zone a launch uses, and whether certbot and resolvers would choose the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build.errors import UserError
from build.hubs.dns import delegated_names, longest_match, public_zones
from build.hubs.models import Zone

if TYPE_CHECKING:
    from build.aws.session import Clients
    from build.report.reporter import Reporter


def choose(clients: Clients, domain: str, report: Reporter) -> Zone | None:
    """The public zone of the longest name that holds ``domain``; None where there is none.

    Raises UserError where certbot would write its challenge into another zone. Warns of a zone that its
    parent does not delegate to, as far as the parent is in this account.
    """
    zones = public_zones(clients)
    zone = _the_only_one(zones, domain)
    if zone is not None:
        _refuse_zone_of_challenges(zones, domain, zone)
        _warn_of_missing_delegation(clients, zones, zone, report)
    return zone


def _the_only_one(zones: list[Zone], domain: str) -> Zone | None:
    """Only one of two zones of a name is asked by resolvers, and certbot may write into the other one."""
    name = longest_match(domain, (zone.name for zone in zones))
    found = [zone for zone in zones if zone.name == name]
    if len(found) > 1:
        ids = ", ".join(zone.id for zone in found)
        raise UserError(
            f"there are {len(found)} public hosted zones {name}: {ids}",
            hint=(
                f"delete those that {name} is not delegated to: `dig NS {name}` and "
                "`aws route53 get-hosted-zone --id ID` show the name servers"
            ),
        )
    return found[0] if found else None


def _refuse_zone_of_challenges(zones: list[Zone], domain: str, zone: Zone) -> None:
    """certbot's plugin takes the zone of the longest name that holds _acme-challenge.DOMAIN."""
    name = longest_match(f"_acme-challenge.{domain}", (one.name for one in zones))
    if name != zone.name:
        ids = ", ".join(one.id for one in zones if one.name == name)
        raise UserError(
            f"there is a hosted zone {name} ({ids}): certbot would write there, and the hub's role may write "
            f"to {zone.name} ({zone.id}) only",
            hint=f"delete the zone {name}, and its NS record in {zone.name}",
        )


def _warn_of_missing_delegation(clients: Clients, zones: list[Zone], zone: Zone, report: Reporter) -> None:
    above = longest_match(zone.name.partition(".")[2], (one.name for one in zones))
    parents = [one for one in zones if one.name == above]
    if parents and not any(zone.name in delegated_names(clients, parent) for parent in parents):
        report.warn(
            f"{above} ({parents[0].id}) has no NS record of {zone.name} ({zone.id}): resolvers do not ask "
            "that zone, and there will be no certificate; delegate it, or delete it if it is a left-over"
        )
