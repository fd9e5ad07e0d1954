"""Which ports security group rules open to this host."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from build.errors import MachineError
from localcloud.ec2.reconcile import forwards


def group(*rules: tuple[str, int | None, int | None, str | None]) -> Any:
    made = [
        SimpleNamespace(ip_protocol=protocol, from_port=first, to_port=last, cidr_ipv4=cidr)
        for protocol, first, last, cidr in rules
    ]
    return SimpleNamespace(ingress_rules=made)


@pytest.mark.parametrize(
    ("rule", "ports"),
    [
        (("tcp", 22, 22, "127.0.0.1/32"), {22}),
        (("tcp", 22, 22, "0.0.0.0/0"), {22}),
        (("tcp", 22, 22, "127.77.0.0/16"), {22}),
        (("tcp", 8000, 8003, "0.0.0.0/0"), {8000, 8001, 8002, 8003}),
        (("tcp", 0, 65535, "0.0.0.0/0"), {22, 80, 443, 8000, 8888}),
        (("-1", None, None, "0.0.0.0/0"), {22, 80, 443, 8000, 8888}),
        (("tcp", 1024, 65535, "0.0.0.0/0"), {8000, 8888}),
        (("tcp", 22, 22, "203.0.113.7/32"), set()),
        (("tcp", 22, 22, "10.0.0.0/8"), set()),
        (("udp", 53, 53, "0.0.0.0/0"), set()),
        (("icmp", -1, -1, "0.0.0.0/0"), set()),
        (("tcp", 22, 22, None), set()),  # from a group or a prefix list: nobody on this host is in one
    ],
)
def test_open_ports(rule: tuple[str, int | None, int | None, str | None], ports: set[int]) -> None:
    assert forwards.open_ports([group(rule)]) == ports


def test_rules_of_all_groups_count() -> None:
    groups = [
        group(("tcp", 22, 22, "0.0.0.0/0")),
        group(("tcp", 80, 80, "0.0.0.0/0"), ("tcp", 443, 443, "0.0.0.0/0")),
    ]
    assert forwards.open_ports(groups) == {22, 80, 443}


class Recorder:
    """A machine's forwards, with one port that is taken."""

    def __init__(self, *present: forwards.Forward) -> None:
        self.present = set(present)

    def forwards(self) -> frozenset[forwards.Forward]:
        return frozenset(self.present)

    def forward(self, address: str, port: int, guest_port: int) -> None:
        if port == 80:
            raise MachineError("port 80 is privileged", hint="sysctl …")
        self.present.add((address, port, guest_port))

    def unforward(self, address: str, port: int, guest_port: int) -> None:
        self.present.remove((address, port, guest_port))


def test_forwards_become_those_wanted_and_a_port_that_cannot_be_bound_is_told() -> None:
    machine: Any = Recorder(("127.77.1.1", 22, 22), ("127.77.1.1", 443, 443))
    wanted = frozenset({("127.77.1.2", 22, 22), ("127.77.1.1", 443, 443), ("127.77.1.2", 80, 80)})
    assert forwards.apply(machine, "i-1", wanted) == {"127.77.1.2:80": "port 80 is privileged (sysctl …)"}
    assert machine.present == {("127.77.1.2", 22, 22), ("127.77.1.1", 443, 443)}
