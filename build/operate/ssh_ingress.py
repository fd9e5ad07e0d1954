"""Port 22, opened to the operator's own address while they are connected, and closed again.

The rule carries its end in its description: what a killed command left open is closed by whichever command of
any operator comes next. Commands of one machine share the rule; the last of them closes it.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from botocore.exceptions import ClientError

from build.aws import tags
from build.aws.errors import code_of
from build.aws.session import Clients
from build.bake.run import owner
from build.errors import HubsmithError
from build.hubs.hub import Hub
from build.hubs.security_group import UNTIL, IngressRule, own_group, rules_of

SSH = 22
LIFETIME = timedelta(hours=1)


@contextmanager
def ssh_allowed(hub: Hub, clients: Clients, cidrs: Iterable[str]) -> Iterator[None]:
    """Have 22 open to ``cidrs`` for the block.

    A session that lasts longer than the rule is not cut by its end.
    """
    group_id = revoke_expired(hub, clients)
    until = datetime.now(timezone.utc) + LIFETIME
    description = f"{UNTIL}{until.isoformat(timespec='seconds')} by {_plain(owner())}"
    rules = [IngressRule(SSH, SSH, "tcp", cidr, description) for cidr in cidrs]
    with (hub.folder / "ssh-sessions").open("a") as others:
        fcntl.flock(others, fcntl.LOCK_SH)
        try:
            for rule in rules:
                _open(clients, group_id, rule)
            yield
        finally:
            if _is_the_last(others.fileno()):
                _close(clients, group_id, rules)


def revoke_expired(hub: Hub, clients: Clients) -> str:
    """Close what was to be closed by now; the group's id. Raises HubsmithError when the hub has no group."""
    group = own_group(clients, hub)
    if group is None:
        raise HubsmithError(
            f"there is no hub {hub.domain} in {clients.cloud.region}",
            hint="`invoke hubs` lists those there are",
        )
    _close(clients, group["GroupId"], [rule for rule in rules_of(group) if rule.expired])
    return group["GroupId"]


def revoke_expired_everywhere(clients: Clients) -> None:
    """Close what was to be closed by now, at every hub of the account."""
    for group in clients.ec2.describe_security_groups(Filters=tags.having(tags.HUB))["SecurityGroups"]:
        _close(clients, group["GroupId"], [rule for rule in rules_of(group) if rule.expired])


def _open(clients: Clients, group_id: str, rule: IngressRule) -> None:
    try:
        clients.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule.permission])
    except ClientError as exc:
        if code_of(exc) != "InvalidPermission.Duplicate":
            raise
        # Another command of ours has it open: from now on until our end.
        clients.ec2.update_security_group_rule_descriptions_ingress(
            GroupId=group_id, IpPermissions=[rule.permission]
        )


def _close(clients: Clients, group_id: str, rules: list[IngressRule]) -> None:
    # Without the description: another command may have prolonged the rule.
    permissions = [replace(rule, description="").permission for rule in rules]
    if not permissions:
        return
    try:
        clients.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=permissions)
    except ClientError as exc:
        if code_of(exc) not in ("InvalidPermission.NotFound", "InvalidGroup.NotFound"):
            raise


def _is_the_last(file: int) -> bool:
    """No other command on this machine has a session."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _plain(text: str) -> str:
    """As EC2 allows it in a rule's description."""
    return "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "._-:/()#,@[]+=;{}!$* ") else "-"
        for letter in text
    )[:100]
