"""The security group of a hub, found by its tag, and its ingress rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from build.aws import tags

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import IpPermissionTypeDef, SecurityGroupTypeDef

    from build.aws.session import Clients
    from build.hubs.hub import Hub

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
                str(network.get("CidrIp") or network.get("CidrIpv6")),
                network.get("Description", ""),
            )
            for network in ranges
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
