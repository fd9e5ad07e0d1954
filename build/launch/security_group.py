"""The hub's security group: 443 and 80 for users; 22 only while its operator is connected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from build.aws import eventual, tags
from build.errors import UserError
from build.hubs.security_group import IngressRule, in_words, own_group, rules_of
from build.launch.state import LaunchState
from build.pipeline import Step

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SecurityGroupTypeDef

PORTS = (443, 80)


class EnsureSecurityGroup(Step[LaunchState]):
    """The group with the hub's tag, its rules as the manifest has them; anything else is closed.

    Needs: subnet. Produces: group_id.
    """

    title = "find or make the security group"

    def run(self, state: LaunchState) -> None:
        """Rules that the operator's tasks opened for a while stay until they expire.

        Raises UserError for a group in another VPC than the subnet's.
        """
        ec2 = state.clients.ec2
        group = own_group(state.clients, state.hub)
        if group and group.get("VpcId") != state.subnet.vpc_id:
            raise _elsewhere(state, group)
        if group:
            state.group_id = group["GroupId"]
        else:
            with eventual.creating():
                created = ec2.create_security_group(
                    GroupName=state.hub.name,
                    Description=f"hubsmith: {state.hub.domain}",
                    VpcId=state.subnet.vpc_id,
                    TagSpecifications=tags.specifications(state.tags, "security-group"),
                )
            state.group_id = created["GroupId"]
            state.record_change(f"created the security group {state.group_id}")
        current = rules_of(group) if group else []
        wanted = rules_for(state.options.defaults.allowed_cidrs)
        places = {rule.where for rule in wanted}
        gone = [rule for rule in current if rule.where not in places and not rule.temporary]
        new = [rule for rule in wanted if rule.where not in {rule.where for rule in current}]
        if gone:
            ec2.revoke_security_group_ingress(
                GroupId=state.group_id, IpPermissions=[rule.permission for rule in gone]
            )
            state.record_change(f"closed {', '.join(in_words(rule) for rule in gone)}")
        if new:
            eventual.retried(
                lambda: ec2.authorize_security_group_ingress(
                    GroupId=state.group_id, IpPermissions=[rule.permission for rule in new]
                ),
                what=state.group_id,
                on_wait=state.report.waiting,
            )
            state.record_change(f"opened {', '.join(in_words(rule) for rule in new)}")


def _elsewhere(state: LaunchState, group: SecurityGroupTypeDef) -> UserError:
    vpc_id, subnet = group.get("VpcId"), state.subnet
    return UserError(
        f"the security group {group['GroupId']} of {state.hub.domain} is in {vpc_id}, but {subnet.subnet_id} "
        f"is in {subnet.vpc_id}",
        hint=f"choose a subnet in {vpc_id}; if the hub has no instance, delete the group instead",
    )


def rules_for(cidrs: Iterable[str]) -> list[IngressRule]:
    """What a hub is open for: its users, from these networks."""
    return [IngressRule(port, port, "tcp", cidr, "the hub") for port in PORTS for cidr in cidrs]
