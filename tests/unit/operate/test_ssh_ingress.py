"""Port 22 is open to each network of the operator for the block, and to none after it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from build.hubs.hub import Hub
from build.operate.ssh_ingress import ssh_allowed

HUB = Hub("hub.example.org")


class Account:
    """The hub's security group."""

    def __init__(self) -> None:
        self.open: set[str] = set()

    def describe_security_groups(self, **_: object) -> Any:
        return {"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": []}]}

    def authorize_security_group_ingress(self, *, GroupId: str, IpPermissions: list[Any]) -> None:
        self.open |= self._named(IpPermissions)

    def revoke_security_group_ingress(self, *, GroupId: str, IpPermissions: list[Any]) -> None:
        self.open -= self._named(IpPermissions)

    def _named(self, permissions: list[Any]) -> set[str]:
        assert {(one["FromPort"], one["ToPort"]) for one in permissions} == {(22, 22)}
        return {each["CidrIp"] for one in permissions for each in one["IpRanges"]}


@pytest.mark.parametrize("networks", [("203.0.113.7/32",), ("198.51.100.0/28", "203.0.113.0/28")])
def test_each_network_is_let_in_for_the_block(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, networks: tuple[str, ...]
) -> None:
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    account = Account()
    clients: Any = SimpleNamespace(ec2=account)
    with ssh_allowed(HUB, clients, networks):
        assert account.open == set(networks)
    assert account.open == set()
