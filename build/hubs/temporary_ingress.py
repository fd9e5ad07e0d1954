"""Ingress rules that are open for a while: made and removed by commands of operators, one network each.

A rule carries its end in its description (`security_group.UNTIL`), so that any later command can close what a
killed one left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from botocore.exceptions import ClientError

from build.aws import eventual
from build.aws.errors import code_of
from build.aws.session import Clients
from build.bake.run import owner
from build.hubs.security_group import UNTIL, IngressRule


def rule_for_a_while(port: int, cidr: str, lifetime: timedelta) -> IngressRule:
    """A rule that says itself until when it is to be there, and who made it."""
    until = datetime.now(timezone.utc) + lifetime
    who = _plain(owner())
    return IngressRule(port, port, "tcp", cidr, f"{UNTIL}{until.isoformat(timespec='seconds')} by {who}")


def authorize(clients: Clients, group_id: str, rule: IngressRule) -> None:
    """Open what the rule says; one that is there already gets its description."""
    try:
        eventual.retried(
            lambda: clients.ec2.authorize_security_group_ingress(
                GroupId=group_id, IpPermissions=[rule.permission]
            ),
            what=group_id,
        )
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
