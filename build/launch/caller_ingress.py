"""Port 443, opened to whoever launches while they wait, where launch.allowed_cidrs leaves them out.

Without it a hub that works would never answer: a launch would fail, and a replacement be undone.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from build.errors import HubsmithError
from build.hubs.temporary_ingress import authorize, revoke, rule_for_a_while
from build.launch.state import LaunchState
from build.remote.public_ip import caller_cidrs

HTTPS = 443
_LONGER = timedelta(minutes=10)
"""Than the wait. What a killed launch leaves, the next launch or ssh closes when it has expired."""


@contextmanager
def https_allowed(state: LaunchState) -> Iterator[None]:
    """Have 443 open to the caller for the block, also when it is interrupted.

    Where the caller's address cannot be told, the wait goes on without it.
    """
    lifetime = timedelta(minutes=state.options.defaults.ready_minutes) + _LONGER
    rules = [rule_for_a_while(HTTPS, cidr, lifetime) for cidr in _left_out(state)]
    if not rules:
        yield
        return
    try:
        for rule in rules:
            state.report.note(
                f"443 is open to {rule.cidr} during the wait: launch.allowed_cidrs does not contain it"
            )
            authorize(state.clients, state.group_id, rule)
        yield
    finally:
        revoke(state.clients, state.group_id, rules)


def is_open(state: LaunchState) -> bool:
    """Whether ``launch.allowed_cidrs`` lets this machine in on 443, as far as that can be told."""
    return not _left_out(state)


def _left_out(state: LaunchState) -> list[str]:
    """The caller's networks that no network of ``launch.allowed_cidrs`` contains."""
    allowed = state.options.defaults.allowed_cidrs
    if "0.0.0.0/0" in allowed:
        return []
    try:
        cidrs = caller_cidrs(state.manifest.builder)
    except HubsmithError as exc:
        state.report.warn(f"443 may be closed to this machine: {exc.message}")
        return []
    return [cidr for cidr in cidrs if not contains(allowed, cidr)]


def contains(networks: Iterable[str], cidr: str) -> bool:
    """Whether one of the networks contains that one."""
    wanted = ipaddress.ip_network(cidr)
    found = (ipaddress.ip_network(network) for network in networks)
    return any(
        isinstance(network, type(wanted)) and wanted.subnet_of(network)  # type: ignore[arg-type]  # of one version
        for network in found
    )
