"""The program `users` of the image: a password that is set is said, whatever happens to the next name."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from types import ModuleType

import pytest

from tests.conftest import REPO

PROGRAM = REPO / "provisioners/jupyterhub/files/usr/lib/hubsmith/users"


@pytest.fixture
def users(program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """With accounts in a set; the third of them cannot be made."""
    program("hubsmith_hub.accounts")
    loader = SourceFileLoader("hubsmith_users", str(PROGRAM))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    made: set[str] = set()

    def create(name: str) -> None:
        if len(made) == 2:
            raise module.accounts.AccountError("the disk is full")
        made.add(name)

    for name, stand_in in {
        "exists": made.__contains__,
        "create": create,
        "is_closed": lambda _: False,
        "reopen": lambda _: None,
        "has_password": lambda _: False,
        "new_password": lambda: f"secret-{len(made)}",
        "set_password": lambda *_: None,
    }.items():
        monkeypatch.setattr(module.accounts, name, stand_in)
    monkeypatch.setattr(module, "_introduce", lambda _: None)
    return module


def test_what_was_set_is_said_though_the_next_one_fails(
    users: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(users.accounts.AccountError):
        users._add(["ada", "bob", "eve"], False)
    assert capsys.readouterr().out == "ada\tsecret-1\nbob\tsecret-2\n"


def test_also_as_json(users: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(users.accounts.AccountError):
        users._add(["ada", "bob", "eve"], True)
    assert [each["password"] for each in json.loads(capsys.readouterr().out)] == ["secret-1", "secret-2"]


class TestDiskLimits:
    @pytest.fixture
    def changed(self, users: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
        """What was changed, of ada and bob."""
        changes: list[tuple[str, str]] = []
        monkeypatch.setattr(users.accounts, "exists", {"ada", "bob"}.__contains__)
        monkeypatch.setattr(users.accounts, "is_ordinary", lambda _: True)
        monkeypatch.setattr(users.disk_limits, "change", lambda *pair: changes.append(pair))
        monkeypatch.setattr(users.disk_limits, "apply", lambda: True)
        monkeypatch.setattr(users.disk_limits, "report", list)
        return changes

    def test_each_is_changed(self, users: ModuleType, changed: list[tuple[str, str]]) -> None:
        users._disk_limit(["ada=50G", "bob=default"], False)
        assert changed == [("ada", "50G"), ("bob", "default")]

    @pytest.mark.parametrize("wrong", ["bob=", "bob", "bob=50 apples", "eve=50G", "Bob=50G", "=50G"])
    def test_one_that_is_wrong_changes_none(
        self, users: ModuleType, changed: list[tuple[str, str]], wrong: str
    ) -> None:
        with pytest.raises(users.Refused):
            users._disk_limit(["ada=50G", wrong], False)
        assert changed == []

    def test_a_disk_without_quotas_is_said(
        self,
        users: ModuleType,
        changed: list[tuple[str, str]],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(users.disk_limits, "apply", lambda: False)
        users._disk_limit(["ada=50G"], False)
        assert changed
        assert "do not hold" in capsys.readouterr().err

    @pytest.mark.usefixtures("changed")
    def test_more_promised_than_there_is_and_limits_from_earlier_files_are_told(
        self, users: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        row = {
            "name": "ada",
            "used_bytes": 2**40,
            "max_bytes": 2**60,
            "max_inodes": 1,
            "origin": users.disk_limits.EXISTING_FILES,
        }
        monkeypatch.setattr(users.disk_limits, "report", lambda: [row])
        monkeypatch.setattr(users.quota, "DATA", "/")
        users._warn_of_promises()
        told = capsys.readouterr().err
        assert "users' disk limits add up to 1073741824.0 GiB" in told
        assert "ada has 1073741824.0 GiB because of files from before there were limits" in told
        assert users._disk_words(row) == "disk 1024.0 of 1073741824.0 GiB (own limit)"
