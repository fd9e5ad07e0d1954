"""Port 22, opened to the operator's own address while they are connected, and closed again.

The rule carries its end in its description: what a killed command left open is closed by whichever command of
any operator comes next. Commands of one machine share the rule; the last of them closes it.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from build.aws import tags
from build.aws.session import Clients
from build.errors import HubsmithError
from build.hubs.hub import Hub
from build.hubs.security_group import own_group, rules_of
from build.hubs.temporary_ingress import authorize, revoke, rule_for_a_while

SSH = 22
LIFETIME = timedelta(hours=1)


@contextmanager
def ssh_allowed(hub: Hub, clients: Clients, cidrs: Iterable[str]) -> Iterator[None]:
    """Have 22 open to ``cidrs`` for the block.

    A session that lasts longer than the rule is not cut by its end.
    """
    group_id = revoke_expired(hub, clients)
    rules = [rule_for_a_while(SSH, cidr, LIFETIME) for cidr in cidrs]
    with (hub.folder / "ssh-sessions").open("a") as others:
        fcntl.flock(others, fcntl.LOCK_SH)
        try:
            for rule in rules:
                authorize(clients, group_id, rule)
            yield
        finally:
            if _is_the_last(others.fileno()):
                revoke(clients, group_id, rules)


def revoke_expired(hub: Hub, clients: Clients) -> str:
    """Close what was to be closed by now; the group's id. Raises HubsmithError when the hub has no group."""
    group = own_group(clients, hub)
    if group is None:
        raise HubsmithError(
            f"there is no hub {hub.domain} in {clients.cloud.region}",
            hint="`invoke hubs` lists those there are",
        )
    revoke(clients, group["GroupId"], [rule for rule in rules_of(group) if rule.expired])
    return group["GroupId"]


def revoke_expired_everywhere(clients: Clients) -> None:
    """Close what was to be closed by now, at every hub of the account."""
    for group in clients.ec2.describe_security_groups(Filters=tags.having(tags.HUB))["SecurityGroups"]:
        revoke(clients, group["GroupId"], [rule for rule in rules_of(group) if rule.expired])


def _is_the_last(file: int) -> bool:
    """No other command on this machine has a session."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
