"""Security groups: what moto does not check. Rules are moto's; every change of them moves forwards."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error, bad_value
from localcloud.ec2.models import LocalInstance


def get(backend: LocalBackend, group_id: str) -> SecurityGroup:
    """The group; raises InvalidGroup.NotFound."""
    group = backend.get_security_group_from_id(group_id)
    if group is None:
        raise Ec2Error("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
    return group


def authorize(
    backend: LocalBackend, direction: Literal["ingress", "egress"], wanted: Sequence[Mapping[str, Any]]
) -> list[SecurityGroupRule]:
    """AuthorizeSecurityGroupIngress, …Egress: all the rules or, when one of them is refused, none.

    `wanted` is in moto's words.
    """
    for rule in wanted:
        check_ports(rule["ip_protocol"], rule["from_port"], rule["to_port"])
    groups = [backend.get_security_group_by_name_or_id(rule["group_name_or_id"]) for rule in wanted]
    before = {group.id: list(_rules(group, direction)) for group in groups if group is not None}
    made: list[SecurityGroupRule] = []
    try:
        for rule in wanted:
            made += getattr(backend, f"authorize_security_group_{direction}")(**rule)[0]
    except Ec2Error:
        for group in filter(None, groups):
            for added in [found for found in _rules(group, direction) if found not in before[group.id]]:
                _rules(group, direction).remove(added)
                backend.tags.pop(added.id, None)
        raise
    return made


def _rules(group: SecurityGroup, direction: str) -> list[SecurityGroupRule]:
    return group.ingress_rules if direction == "ingress" else group.egress_rules


def check_ports(protocol: object, first: object, last: object) -> None:
    """Raise EC2's error for ports a rule cannot have; moto takes any."""
    if str(protocol).lower() not in ("tcp", "udp", "6", "17"):
        return
    if first is None or last is None:
        raise bad_value("Must specify both from and to ports with TCP/UDP.")
    for end, port in (("from", int(str(first))), ("to", int(str(last)))):
        if not 0 <= port <= 65535:
            raise bad_value(f"TCP/UDP ({end}) port ({port}) out of range")
    if int(str(first)) > int(str(last)):
        raise bad_value(f"Invalid TCP/UDP port range ({first}:{last})")


def check_changed(rule: Mapping[str, Any]) -> None:
    """Raise EC2's error for what ModifySecurityGroupRules cannot make of a rule; by the API's names."""
    check_ports(rule.get("IpProtocol"), rule.get("FromPort"), rule.get("ToPort"))
    if cidr := rule.get("CidrIpv4"):
        try:
            ipaddress.ip_network(cidr, strict=False)
        except ValueError:
            raise bad_value(f"CIDR block {cidr} is malformed") from None


def delete(backend: LocalBackend, group_id: str | None, name: str | None) -> None:
    """DeleteSecurityGroup; refused for a VPC's default group and while something uses the group."""
    group = (
        get(backend, group_id)
        if group_id
        else backend.get_security_group_from_name(name or "", backend.default_vpc.id)
    )
    if group is None:
        raise Ec2Error("InvalidGroup.NotFound", f"The security group '{name}' does not exist")
    if group.is_default:
        raise Ec2Error(
            "CannotDelete",
            f'the specified group: "{group.id}" name: "{group.name}" cannot be deleted by a user',
        )
    if any(group in interface.group_set for interface in backend.enis.values()) or _referenced(
        backend, group
    ):
        raise Ec2Error("DependencyViolation", f"resource {group.id} has a dependent object")
    backend.delete_security_group(group_id=group.id)
    backend.tags.pop(group.id, None)


def _referenced(backend: LocalBackend, group: SecurityGroup) -> bool:
    others = [found for groups in backend.groups.values() for found in groups.values() if found is not group]
    return any(
        rule.source_group.get("GroupId") == group.id
        for other in others
        for rule in (*other.ingress_rules, *other.egress_rules)
    )


def change(backend: LocalBackend, instance: LocalInstance, group_ids: list[str]) -> None:
    """Give a running instance other groups."""
    if not group_ids:
        raise Ec2Error("InvalidParameterCombination", "You must specify at least one security group")
    groups = [get(backend, group_id) for group_id in group_ids]
    for group in groups:
        if group.vpc_id != instance.vpc_id:
            raise Ec2Error(
                "InvalidGroup.NotFound",
                f"The security group '{group.id}' does not exist in VPC '{instance.vpc_id}'",
            )
    instance.security_groups = groups
    for interface in instance.nics.values():
        interface._group_set = groups  # moto has no other way to set it
    backend.enqueue_forwards(instance.id)
