"""Security groups: what moto does not check. Rules are moto's; every change of them moves forwards."""

from __future__ import annotations

from moto.ec2.models.security_groups import SecurityGroup

from build.localcloud.ec2.backend import LocalBackend
from build.localcloud.ec2.errors import Ec2Error
from build.localcloud.ec2.models import LocalInstance


def get(backend: LocalBackend, group_id: str) -> SecurityGroup:
    """The group; raises InvalidGroup.NotFound."""
    group = backend.get_security_group_from_id(group_id)
    if group is None:
        raise Ec2Error("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
    return group


def delete(backend: LocalBackend, group_id: str | None, name: str | None) -> None:
    """DeleteSecurityGroup; refused for a VPC's default group and while something uses the group."""
    group = get(backend, group_id) if group_id else backend.get_security_group_from_name(name or "", backend.default_vpc.id)
    if group is None:
        raise Ec2Error("InvalidGroup.NotFound", f"The security group '{name}' does not exist")
    if group.is_default:
        raise Ec2Error("CannotDelete", f'the specified group: "{group.id}" name: "{group.name}" cannot be deleted by a user')
    if any(group in interface.group_set for interface in backend.enis.values()) or _referenced(backend, group):
        raise Ec2Error("DependencyViolation", f"resource {group.id} has a dependent object")
    backend.delete_security_group(group_id=group.id)
    backend.tags.pop(group.id, None)


def _referenced(backend: LocalBackend, group: SecurityGroup) -> bool:
    others = [found for groups in backend.groups.values() for found in groups.values() if found is not group]
    return any(rule.source_group.get("GroupId") == group.id for other in others for rule in (*other.ingress_rules, *other.egress_rules))


def change(backend: LocalBackend, instance: LocalInstance, group_ids: list[str]) -> None:
    """Give a running instance other groups."""
    if not group_ids:
        raise Ec2Error("InvalidParameterCombination", "You must specify at least one security group")
    groups = [get(backend, group_id) for group_id in group_ids]
    for group in groups:
        if group.vpc_id != instance.vpc_id:
            raise Ec2Error("InvalidGroup.NotFound", f"The security group '{group.id}' does not exist in VPC '{instance.vpc_id}'")
    instance.security_groups = groups
    for interface in instance.nics.values():
        interface._group_set = groups  # moto has no other door to it
    backend.wake_instance(instance.id)
