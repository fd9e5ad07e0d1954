"""The instances of a hub, as EC2 lists them: one as a rule, two while one takes over from the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from build.aws import instances, tags
from build.errors import HubsmithError

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

    from build.aws.session import Clients
    from build.hubs.hub import Hub

ALIVE = ("pending", "running", "stopping", "stopped")


@dataclass(frozen=True)
class HubInstance:
    """One instance of a hub."""

    id: str
    domain: str
    state: str
    image_id: str
    instance_type: str
    subnet_id: str
    zone: str
    launched: str
    public_ip: str
    login_user: str
    replaces: str
    launch_digest: str
    staging: bool
    subdomains: bool


def of_hub(clients: Clients, hub: Hub | None) -> list[HubInstance]:
    """The hub's instances that are not terminated, oldest first; without a hub those of all hubs."""
    return [_facts(found) for found in descriptions(clients, hub)]


def descriptions(clients: Clients, hub: Hub | None) -> list[InstanceTypeDef]:
    """The same, as EC2 tells of them."""
    filters = tags.having(tags.HUB, hub.domain) if hub else tags.having(tags.HUB)
    pages = clients.ec2.get_paginator("describe_instances").paginate(
        Filters=[*filters, {"Name": "instance-state-name", "Values": list(ALIVE)}]
    )
    instances = [
        instance
        for page in pages
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    ]
    return sorted(instances, key=lambda instance: instance["LaunchTime"])


def current_and_successor(
    instances: list[HubInstance], domain: str
) -> tuple[HubInstance | None, HubInstance | None]:
    """Which of a hub's instances is the hub, and which, if any, was made to take over from it.

    Raises HubsmithError when several are there and none says that it replaces another.
    """
    ids = {instance.id for instance in instances}
    successors = [instance for instance in instances if instance.replaces in ids]
    others = [instance for instance in instances if instance not in successors]
    if len(others) > 1 or len(successors) > 1:
        names = ", ".join(sorted(ids))
        raise HubsmithError(
            f"{domain} has more than one instance: {names}",
            hint="terminate those that are not the hub, then run this again",
        )
    return (others[0] if others else None), (successors[0] if successors else None)


def by_id(clients: Clients, instance_id: str) -> HubInstance:
    """One instance now, or as soon as EC2 lists it."""
    return _facts(instances.listed(clients.ec2, instance_id))


def _facts(instance: InstanceTypeDef) -> HubInstance:
    instance_tags = tags.as_dict(instance.get("Tags"))
    return HubInstance(
        id=instance["InstanceId"],
        domain=instance_tags.get(tags.HUB, ""),
        state=str(instance["State"]["Name"]),
        image_id=instance["ImageId"],
        instance_type=str(instance["InstanceType"]),
        subnet_id=instance.get("SubnetId", ""),
        zone=instance["Placement"].get("AvailabilityZone", ""),
        launched=instance["LaunchTime"].isoformat(timespec="seconds"),
        public_ip=instance.get("PublicIpAddress", ""),
        login_user=instance_tags.get(tags.LOGIN_USER, ""),
        replaces=instance_tags.get(tags.REPLACES, ""),
        launch_digest=instance_tags.get(tags.LAUNCH, ""),
        staging=instance_tags.get(tags.ACME) == "staging",
        subdomains=tags.SUBDOMAINS in instance_tags,
    )
