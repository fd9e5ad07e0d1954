"""Instances that were a hub: stopped, with another tag than the hub's, so that nothing takes them for it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from build.aws import tags
from build.hubs.instances import ALIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_ec2.type_defs import InstanceTypeDef

    from build.aws.session import Clients
    from build.hubs.hub import Hub

KEEP_DAYS = 7
"""For so long `prune` leaves them alone."""


def retired_instances(clients: Clients, hub: Hub | None) -> Iterator[InstanceTypeDef]:
    """Those of the hub, or of all hubs, that are not terminated."""
    filters = tags.having(tags.RETIRED, hub.domain) if hub else tags.having(tags.RETIRED)
    pages = clients.ec2.get_paginator("describe_instances").paginate(
        Filters=[*filters, {"Name": "instance-state-name", "Values": list(ALIVE)}]
    )
    for page in pages:
        for reservation in page["Reservations"]:
            yield from reservation["Instances"]


def retired_at(instance: InstanceTypeDef) -> datetime:
    """Since when it is; since ever, where the tag says nothing that can be read."""
    try:
        return datetime.fromisoformat(tags.as_dict(instance.get("Tags"))[tags.RETIRED_AT])
    except (KeyError, ValueError):
        return datetime.fromtimestamp(0, timezone.utc)


def retire(clients: Clients, hub: Hub, instance_id: str) -> None:
    """Give a stopped instance the other tag; the hub's own goes last, so that one of them is always there."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    changed = {"Name": f"{hub.domain} until {now[:10]}", tags.RETIRED: hub.domain, tags.RETIRED_AT: now}
    clients.ec2.create_tags(Resources=[instance_id], Tags=tags.as_list(changed))
    clients.ec2.delete_tags(Resources=[instance_id], Tags=[{"Key": tags.HUB}])
