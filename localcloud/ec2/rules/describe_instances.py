"""DescribeInstances: which instances a request means.

EC2's filters: any of the values, all of the names, * and ? as wildcards.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable

from moto.ec2.models.instances import Reservation

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import bad_value
from localcloud.ec2.models import LocalInstance

Filters = dict[str, list[str]]

_FIELDS: dict[str, Callable[[LocalInstance], Iterable[object]]] = {
    "architecture": lambda instance: [instance.architecture],
    "availability-zone": lambda instance: [instance.placement.zone],
    "block-device-mapping.device-name": lambda instance: [found.device for found in instance.attachments],
    "block-device-mapping.volume-id": lambda instance: [found.volume_id for found in instance.attachments],
    "client-token": lambda instance: [instance.client_token],
    "dns-name": lambda instance: [instance.public_dns_name],
    "hypervisor": lambda instance: [instance.hypervisor],
    "iam-instance-profile.arn": lambda instance: [(instance.iam_instance_profile or {}).get("Arn")],
    "image-id": lambda instance: [instance.image_id],
    "instance-id": lambda instance: [instance.id],
    "instance-state-code": lambda instance: [instance.state_code],
    "instance-state-name": lambda instance: [instance.state],
    "instance-type": lambda instance: [instance.instance_type],
    "instance.group-id": lambda instance: [group.id for group in instance.security_groups],
    "instance.group-name": lambda instance: [group.name for group in instance.security_groups],
    "ip-address": lambda instance: [instance.public_ip],
    "key-name": lambda instance: [instance.key_name],
    "launch-time": lambda instance: [f"{instance.launch_time:%Y-%m-%dT%H:%M:%S.000Z}"],
    "metadata-options.http-tokens": lambda instance: [instance.metadata_options.http_tokens],
    "network-interface.network-interface-id": lambda instance: [
        interface.id for interface in instance.nics.values()
    ],
    "network-interface.subnet-id": lambda instance: [
        interface.subnet.id for interface in instance.nics.values()
    ],
    "owner-id": lambda instance: [instance.owner_id],
    "private-dns-name": lambda instance: [instance.private_dns_name],
    "private-ip-address": lambda instance: [instance.private_ip],
    "root-device-name": lambda instance: [instance.root_device_name],
    "root-device-type": lambda instance: [instance.root_device_type],
    "state-reason-code": lambda instance: [instance.state_reason.code],
    "subnet-id": lambda instance: [instance.subnet_id],
    "tag-key": lambda instance: [tag["key"] for tag in instance.get_tags()],
    "tag-value": lambda instance: [tag["value"] for tag in instance.get_tags()],
    "tenancy": lambda instance: [instance.placement.tenancy],
    "virtualization-type": lambda instance: [instance.virtualization_type],
    "vpc-id": lambda instance: [instance.vpc_id],
}
_FIELDS["group-id"], _FIELDS["group-name"] = _FIELDS["instance.group-id"], _FIELDS["instance.group-name"]
_FIELDS["network-interface.addresses.association.public-ip"] = _FIELDS["ip-address"]


def reservations(backend: LocalBackend, instance_ids: list[str], filters: Filters) -> list[Reservation]:
    """The reservations with those of their instances that are meant; raises EC2's error for unknown ids."""
    wanted = {backend.instance(instance_id).id for instance_id in instance_ids}
    patterns = {name: [_pattern(value) for value in values] for name, values in filters.items()}
    chosen = []
    for reservation in backend.reservations.values():
        shown = copy.copy(reservation)
        shown.instances = [
            found
            for found in reservation.instances
            if isinstance(found, LocalInstance)
            and (not wanted or found.id in wanted)
            and not backend.is_hidden(found.id)
            and _passes(found, reservation, patterns)
        ]
        if shown.instances:
            chosen.append(shown)
    return chosen


def _passes(
    instance: LocalInstance, reservation: Reservation, patterns: dict[str, list[re.Pattern[str]]]
) -> bool:
    for name, accepted in patterns.items():
        values = [str(value) for value in _values(instance, reservation, name) if value is not None]
        if not any(pattern.fullmatch(value) for pattern in accepted for value in values):
            return False
    return True


def _values(instance: LocalInstance, reservation: Reservation, name: str) -> Iterable[object]:
    if name.startswith("tag:"):
        return [tag["value"] for tag in instance.get_tags() if tag["key"] == name.removeprefix("tag:")]
    if name == "reservation-id":
        return [reservation.id]
    if name not in _FIELDS:
        raise bad_value(f"The filter '{name}' is invalid")
    return _FIELDS[name](instance)


def _pattern(value: str) -> re.Pattern[str]:
    translated = re.escape(value).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(translated, re.DOTALL)
