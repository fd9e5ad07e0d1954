"""Which ports of a public address reach the guest: the TCP ingress rules of its groups that let this host in.

They follow the model in work of their own, so that a door closes at once also while a volume waits for its
guest.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable

from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule

from build.errors import MachineError
from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.models import LocalInstance
from localcloud.machine.machine import Machine

_log = logging.getLogger("hubsmith.localcloud.forwards")

Forward = tuple[str, int, int]  # public address, its port, the guest's port

# Each forward is a listening socket of QEMU. A rule may open 65536 ports: up to this many are forwarded one
# by one ...
WIDEST_RANGE = 64
# ... of wider ones those a hub uses: ssh, http, https, JupyterHub and a notebook server on their own ports.
WELL_KNOWN = (22, 80, 443, 8000, 8888)

# Whoever connects to a loopback address of this host comes from here.
_CALLERS = ipaddress.ip_network("127.0.0.0/8")


def wanted(instance: LocalInstance) -> frozenset[Forward]:
    """The forwards of an instance by its addresses and rules; none while it is not running."""
    if instance.state not in ("pending", "running"):
        return frozenset()
    return frozenset(
        (interface.public_ip, port, port)
        for interface in instance.nics.values()
        if interface.public_ip
        for port in open_ports(interface.group_set)
    )


def open_ports(groups: Iterable[SecurityGroup]) -> set[int]:
    """TCP ports that some rule of the groups opens to this host."""
    return {
        port for group in groups for rule in group.ingress_rules if _lets_in(rule) for port in _ports(rule)
    }


def _lets_in(rule: SecurityGroupRule) -> bool:
    if rule.ip_protocol not in ("tcp", "-1") or not rule.cidr_ipv4:
        return False
    return ipaddress.ip_network(rule.cidr_ipv4, strict=False).overlaps(_CALLERS)


def _ports(rule: SecurityGroupRule) -> Iterable[int]:
    first, last = (
        (0, 65535)
        if rule.from_port is None or rule.to_port is None
        else (int(rule.from_port), int(rule.to_port))
    )
    if last - first < WIDEST_RANGE:
        return range(max(first, 1), last + 1)
    return [port for port in WELL_KNOWN if first <= port <= last]


def settle(backend: LocalBackend, instance_id: str) -> None:
    """Bring the forwards of a running machine in line with the model."""
    instance, machine = backend.find_instance(instance_id), backend.host.machine(instance_id)
    if instance is None or instance.state != "running" or not machine.is_running():
        return
    with backend.host.lock:
        target = wanted(instance)
    try:
        freed = close(machine, target)
        problems = apply(machine, instance_id, target)
    except MachineError:
        if machine.is_running():
            raise
        return
    with backend.host.lock:
        if problems != instance.forward_problems:
            instance.note_forwards(problems)
            backend.host.save()
    _wake_those_who_wait_for(backend, freed)


def _wake_those_who_wait_for(backend: LocalBackend, freed: frozenset[Forward]) -> None:
    """The new machine of an address that moved may have come too early: the old one lets it go only now."""
    if not freed:
        return
    for sibling in backend.siblings():
        with backend.host.lock:
            waiting = [found.id for found in sibling.local_instances() if wanted(found) & freed]
        for instance_id in waiting:
            sibling.wake_doors(instance_id)


def close(machine: Machine, target: frozenset[Forward]) -> frozenset[Forward]:
    """Take away the forwards that target has not; returns them."""
    freed = machine.forwards() - target
    for address, port, guest_port in freed:
        machine.unforward(address, port, guest_port)
    return freed


def apply(machine: Machine, instance_id: str, target: frozenset[Forward]) -> dict[str, str]:
    """Make the machine's forwards those of target; returns why some could not be bound, by "address:port".

    A port that cannot be bound (taken, or privileged for an ordinary user) leaves the instance running
    without it.
    """
    close(machine, target)
    problems = {}
    for address, port, guest_port in sorted(target - machine.forwards()):
        try:
            machine.forward(address, port, guest_port)
        except MachineError as problem:
            reason = f"{problem} ({problem.hint})" if problem.hint else str(problem)
            problems[f"{address}:{port}"] = reason
            _log.warning("%s: cannot forward %s:%s: %s", instance_id, address, port, reason)
    return problems
