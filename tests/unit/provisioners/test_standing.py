"""Which accounts the hub treats as users: the numbers, groups, names and states that decide it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

UIDS = {
    "root": 0,
    "daemon": 1,
    "anaconda": 987,
    "admin": 1000,
    "byhand": 1001,
    "trial": 1500,
    "ada": 2000,
    "bob": 2001,
    "last": 59999,
    "nobody": 65534,
}
GROUPS = {"sudo": 27, "docker": 900, "hubadmins": 988, "anaconda": 987, "class": 3000}


class Machine:
    """Its accounts, and which groups and which expiry each has."""

    def __init__(self, accounts: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.accounts, self.shadow = accounts, folder / "shadow"
        self.member_of: dict[str, list[int]] = {}
        self.expires: dict[str, str] = {}
        groups = [SimpleNamespace(gr_name=name, gr_gid=gid) for name, gid in GROUPS.items()]
        monkeypatch.setattr(
            accounts,
            "pwd",
            SimpleNamespace(getpwnam=lambda name: SimpleNamespace(pw_uid=UIDS[name], pw_gid=UIDS[name])),
        )
        monkeypatch.setattr(accounts, "grp", SimpleNamespace(getgrall=lambda: groups))
        monkeypatch.setattr(
            accounts.os, "getgrouplist", lambda name, gid: [gid, *self.member_of.get(name, [])]
        )
        monkeypatch.setattr(accounts, "_SHADOW", self.shadow)
        monkeypatch.setattr(accounts.registry, "IN_USE", folder / "in-use")
        monkeypatch.setattr(accounts.registry, "REGISTRY", folder / "users.json")
        monkeypatch.setattr(accounts.registry.os.path, "ismount", lambda path: True)

    def refusal(self, name: str) -> str | None:
        lines = (f"{one}:$y$x:20000:0:99999:7::{self.expires.get(one, '')}:" for one in UIDS)
        self.shadow.write_text("\n".join(lines))
        refusal: str | None = self.accounts.refusal(name)
        return refusal

    def keeps(self, **uids: int) -> None:
        """From now on it has a registry, with these."""
        user = {"groups": [], "hash": "x", "state": "open"}
        users = {name: {**user, "uid": uid, "gid": uid} for name, uid in uids.items()}
        self.accounts.registry.IN_USE.touch()
        self.accounts.registry.REGISTRY.write_text(json.dumps({"schema": 1, "users": users, "groups": {}}))


@pytest.fixture
def machine(program: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(program("hubsmith_hub.accounts"), tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["root", "daemon", "anaconda", "admin", "byhand", "nobody"])
def test_accounts_of_the_machine_are_no_users(machine: Machine, name: str) -> None:
    assert "account of the machine" in str(machine.refusal(name))


@pytest.mark.parametrize("name", ["trial", "ada", "last"])
def test_accounts_that_the_hub_makes_are(machine: Machine, name: str) -> None:
    assert machine.refusal(name) is None


@pytest.mark.parametrize("group", ["sudo", "docker"])
def test_who_can_become_root_is_none(machine: Machine, group: str) -> None:
    machine.member_of["ada"] = [GROUPS[group]]
    assert f"in the group {group}" in str(machine.refusal("ada"))


@pytest.mark.parametrize("group", ["hubadmins", "anaconda", "class"])
def test_other_groups_take_nothing_away(machine: Machine, group: str) -> None:
    machine.member_of["ada"] = [GROUPS[group]]
    assert machine.refusal("ada") is None


@pytest.mark.parametrize("day", ["0", "1", "2", "19999"])
def test_an_account_that_has_expired_is_closed_whoever_closed_it(machine: Machine, day: str) -> None:
    machine.expires["ada"] = day
    assert machine.refusal("ada") == "the account ada is closed"


def test_one_that_expires_later_is_open(machine: Machine) -> None:
    machine.expires["ada"] = "99999"
    assert machine.refusal("ada") is None


def test_who_is_not_kept_on_the_data_volume_is_no_user(machine: Machine) -> None:
    machine.keeps(ada=2000, bob=2999)
    assert machine.refusal("ada") is None
    assert "not among the users that are kept" in str(machine.refusal("bob"))  # another's number
    assert "not among the users that are kept" in str(machine.refusal("last"))
    assert machine.refusal("trial") is None  # never kept


def test_a_registry_that_cannot_be_read_lets_nobody_pass(machine: Machine) -> None:
    machine.keeps()
    machine.accounts.registry.REGISTRY.write_text("{")
    assert "cannot be read" in str(machine.refusal("ada"))


@pytest.mark.parametrize("name", ["Ada", "ada\n", "../ada", "", "a" * 33, "-x", "a b", "ada/x"])
def test_a_name_that_is_none_is_refused_before_anything_is_looked_up(machine: Machine, name: str) -> None:
    assert "cannot be a user name" in str(machine.refusal(name))
    with pytest.raises(machine.accounts.AccountError, match="cannot be a user name"):
        machine.accounts.create(name)
