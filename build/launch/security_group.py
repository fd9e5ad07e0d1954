"""The hub's security group: 443 and 80 for users; 22 only while its operator is connected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws import tags
from build.aws.errors import code_of
from build.bake.run import owner
from build.errors import UserError
from build.launch.state import LaunchState
from build.pipeline import Step

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import IpPermissionTypeDef, SecurityGroupTypeDef

    from build.aws.session import Clients
    from build.hubs.hub import Hub

PORTS = (443, 80)
UNTIL = "hubsmith until "
"""How the description of a rule begins that is to go again; the time follows, ISO 8601."""


@dataclass(frozen=True)
class IngressRule:
    """One ingress rule: from port, to port, protocol and a network."""

    first: int
    last: int
    protocol: str
    cidr: str
    description: str = ""

    @property
    def expired(self) -> bool:
        """It was to be there for a while, and the while is over."""
        if not self.description.startswith(UNTIL):
            return False
        try:
            until = datetime.fromisoformat(self.description.removeprefix(UNTIL).partition(" ")[0])
        except ValueError:
            return True
        return until < datetime.now(timezone.utc)

    @property
    def temporary(self) -> bool:
        """It is there for a while."""
        return self.description.startswith(UNTIL) and not self.expired

    @property
    def permission(self) -> IpPermissionTypeDef:
        """The rule as EC2's calls take it."""
        permission: IpPermissionTypeDef = {"IpProtocol": self.protocol}
        if self.protocol != "-1":
            permission["FromPort"], permission["ToPort"] = self.first, self.last
        if ":" in self.cidr:
            permission["Ipv6Ranges"] = [{"CidrIpv6": self.cidr}]
            if self.description:
                permission["Ipv6Ranges"][0]["Description"] = self.description
        else:
            permission["IpRanges"] = [{"CidrIp": self.cidr}]
            if self.description:
                permission["IpRanges"][0]["Description"] = self.description
        return permission

    @property
    def where(self) -> tuple[int, int, str, str]:
        """What makes it a rule of its own; the description does not."""
        return (self.first, self.last, self.protocol, self.cidr)


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
        found = own_group(state.clients, state.hub)
        if found and found.get("VpcId") != state.subnet.vpc_id:
            raise _elsewhere(state, found)
        if found:
            state.group_id = found["GroupId"]
        else:
            made = ec2.create_security_group(
                GroupName=state.hub.name,
                Description=f"hubsmith: {state.hub.domain}",
                VpcId=state.subnet.vpc_id,
                TagSpecifications=tags.specifications(state.hub.tags, "security-group"),
            )
            state.group_id = made["GroupId"]
            state.record_change(f"created the security group {state.group_id}")
        there = rules_of(found) if found else []
        wanted = rules_for(state.options.defaults.allowed_cidrs)
        places = {rule.where for rule in wanted}
        gone = [rule for rule in there if rule.where not in places and not rule.temporary]
        new = [rule for rule in wanted if rule.where not in {rule.where for rule in there}]
        if gone:
            ec2.revoke_security_group_ingress(
                GroupId=state.group_id, IpPermissions=[rule.permission for rule in gone]
            )
            state.record_change(f"closed {', '.join(in_words(rule) for rule in gone)}")
        if new:
            ec2.authorize_security_group_ingress(
                GroupId=state.group_id, IpPermissions=[rule.permission for rule in new]
            )
            state.record_change(f"opened {', '.join(in_words(rule) for rule in new)}")


def _elsewhere(state: LaunchState, group: SecurityGroupTypeDef) -> UserError:
    vpc_id, subnet = group.get("VpcId"), state.subnet
    return UserError(
        f"the security group {group['GroupId']} of {state.hub.domain} is in {vpc_id}, but {subnet.subnet_id} "
        f"is in {subnet.vpc_id}",
        hint=f"choose a subnet in {vpc_id}; if the hub has no instance, delete the group instead",
    )


def rule_for_a_while(port: int, cidr: str, lifetime: timedelta) -> IngressRule:
    """A rule that says itself until when it is to be there, and who made it."""
    until = datetime.now(timezone.utc) + lifetime
    who = _plain(owner())
    return IngressRule(port, port, "tcp", cidr, f"{UNTIL}{until.isoformat(timespec='seconds')} by {who}")


def authorize(clients: Clients, group_id: str, rule: IngressRule) -> None:
    """Open what the rule says; one that is there already gets its description."""
    try:
        clients.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule.permission])
    except ClientError as exc:
        if code_of(exc) != "InvalidPermission.Duplicate":
            raise
        # Another command of ours has it open: from now on until our end.
        clients.ec2.update_security_group_rule_descriptions_ingress(
            GroupId=group_id, IpPermissions=[rule.permission]
        )


def revoke(clients: Clients, group_id: str, rules: Sequence[IngressRule]) -> None:
    """Close what the rules say, as far as it is open."""
    # Without the description: another command may have prolonged the rule.
    permissions = [replace(rule, description="").permission for rule in rules]
    if not permissions:
        return
    try:
        clients.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=permissions)
    except ClientError as exc:
        if code_of(exc) not in ("InvalidPermission.NotFound", "InvalidGroup.NotFound"):
            raise


def _plain(text: str) -> str:
    """As EC2 allows it in a rule's description."""
    return "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "._-:/()#,@[]+=;{}!$* ") else "-"
        for letter in text
    )[:100]


def rules_for(cidrs: Iterable[str]) -> list[IngressRule]:
    """What a hub is open for: its users, from these networks."""
    return [IngressRule(port, port, "tcp", cidr, "the hub") for port in PORTS for cidr in cidrs]


def own_group(clients: Clients, hub: Hub) -> SecurityGroupTypeDef | None:
    """The hub's group as EC2 describes it, or None."""
    found = clients.ec2.describe_security_groups(Filters=tags.having(tags.HUB, hub.domain))["SecurityGroups"]
    return found[0] if found else None


def rules_of(group: SecurityGroupTypeDef) -> list[IngressRule]:
    """Its ingress rules, one a network."""
    rules = []
    for permission in group["IpPermissions"]:
        protocol = permission["IpProtocol"]
        first, last = (
            (permission.get("FromPort", 0), permission.get("ToPort", 65535))
            if protocol != "-1"
            else (0, 65535)
        )
        ranges = [*permission.get("IpRanges", []), *permission.get("Ipv6Ranges", [])]
        rules += [
            IngressRule(
                first,
                last,
                protocol,
                str(one.get("CidrIp") or one.get("CidrIpv6")),
                one.get("Description", ""),
            )
            for one in ranges
        ]
    return rules


def in_words(rule: IngressRule) -> str:
    """``443 to 0.0.0.0/0``."""
    ports = (
        "everything"
        if rule.protocol == "-1"
        else str(rule.first)
        if rule.first == rule.last
        else f"{rule.first}-{rule.last}"
    )
    return f"{ports} to {rule.cidr}"
