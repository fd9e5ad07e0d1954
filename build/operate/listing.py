"""All hubs of the account and region, by their tags, and how each of them is."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone

from build.aws import tags
from build.aws.session import Clients
from build.hubs import https_probe, instances
from build.hubs.hub import Hub
from build.hubs.instances import HubInstance
from build.hubs.volume import DATA

_PROBE_S = 8.0
COLUMNS = ("hub", "instance", "state", "image", "image days", "address", "certificate days", "health")


@dataclass(frozen=True)
class HubRow:
    """One hub; None where there is nothing to tell. ``image_days`` is how old its image is."""

    domain: str
    instance_id: str | None
    state: str
    image_id: str | None
    image_days: int | None
    address: str | None
    certificate_days: int | None
    health: str
    volume_id: str | None


def list_hubs(clients: Clients) -> list[HubRow]:
    """Every hub that has an instance, an address or a data volume, by its domain."""
    running = {found.domain: found for found in instances.of_hub(clients, None)}
    addresses = {
        _hub(found.get("Tags")): found["PublicIp"]
        for found in clients.ec2.describe_addresses(Filters=tags.having(tags.HUB))["Addresses"]
    }
    filters = [*tags.having(tags.HUB), *tags.having(tags.ROLE, DATA)]
    volumes = {
        _hub(found.get("Tags")): found["VolumeId"]
        for found in clients.ec2.describe_volumes(Filters=filters)["Volumes"]
    }
    created = _created(clients, {found.image_id for found in running.values()})
    domains = sorted({*running, *addresses, *volumes})
    with ThreadPoolExecutor(8) as pool:
        return list(
            pool.map(
                lambda name: _row(
                    clients, name, running.get(name), addresses.get(name), volumes.get(name), created
                ),
                domains,
            )
        )


def cells(row: HubRow) -> tuple[str, ...]:
    """The row as a table shows it."""
    shown = (
        row.domain,
        row.instance_id,
        row.state,
        row.image_id,
        row.image_days,
        row.address,
        row.certificate_days,
        row.health,
    )
    return tuple("-" if value is None else str(value) for value in shown)


def _row(
    clients: Clients,
    domain: str,
    instance: HubInstance | None,
    ip: str | None,
    volume_id: str | None,
    created: dict[str, str],
) -> HubRow:
    if instance is None:
        return HubRow(domain, None, "no instance", None, None, ip, None, "-", volume_id)
    seen = None
    if instance.state == "running":
        trust = https_probe.trust_of(clients, staging=instance.staging)
        names = Hub(domain).names(subdomains=instance.subdomains)
        seen = https_probe.probe(
            ip or instance.public_ip, domain, trust, more_names=names[1:], timeout_s=_PROBE_S
        )
    return HubRow(
        domain,
        instance.id,
        instance.state,
        instance.image_id,
        _days_since(created.get(instance.image_id)),
        ip,
        seen.certificate.days_left if seen and seen.certificate else None,
        ("ok" if seen.ok else seen.problem) if seen else "-",
        volume_id,
    )


def _hub(resource_tags: Iterable[object] | None) -> str:
    return tags.as_dict(resource_tags)[tags.HUB]


def _created(clients: Clients, image_ids: set[str]) -> dict[str, str]:
    found = (
        clients.ec2.describe_images(Filters=[{"Name": "image-id", "Values": sorted(image_ids)}])["Images"]
        if image_ids
        else []
    )
    return {image["ImageId"]: image["CreationDate"] for image in found}


def _days_since(created: str | None) -> int | None:
    if created is None:
        return None
    return (datetime.now(timezone.utc) - datetime.fromisoformat(created.replace("Z", "+00:00"))).days
