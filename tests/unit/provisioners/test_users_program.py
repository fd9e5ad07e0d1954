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
