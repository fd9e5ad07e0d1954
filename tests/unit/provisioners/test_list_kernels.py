"""list-kernels: only what create-kernel could say of a user's files goes to an operator's terminal."""

from __future__ import annotations

import getpass
import importlib.util
import json
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import REPO

PROGRAM = REPO / "provisioners/jupyterhub/files/usr/lib/hubsmith/list-kernels"
ROW = {"name": "mine", "state": "works", "python": "3.13", "missing": []}


@pytest.fixture
def listing(
    program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[str], list[dict[str, object]]]:
    """A function from a shell script, in create-kernel's place, to the rows of one user."""
    program("hubsmith_hub.userdb")
    loader = SourceFileLoader("hubsmith_list_kernels", str(PROGRAM))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    monkeypatch.setattr(module, "_as_user", lambda _: ["sh", "-c"])
    monkeypatch.setattr(module, "_TIMEOUT_S", 1)

    def rows(script: str) -> list[dict[str, object]]:
        monkeypatch.setattr(module, "_PROGRAM", (script,))
        found: list[dict[str, object]] = module.rows(getpass.getuser())
        return found

    return rows


def printing(*rows: object) -> str:
    return f"cat <<'EOF'\n{json.dumps(rows)}\nEOF\n"


def test_each_environment_is_a_row(listing: Callable[[str], list[dict[str, object]]]) -> None:
    other = {**ROW, "name": "other", "state": "other Python", "missing": ["a==1"]}
    assert [(row["kernel"], row["state"], row["missing"]) for row in listing(printing(ROW, other))] == [
        ("mine", "works", []),
        ("other", "other Python", ["a==1"]),
    ]


def test_nothing_of_a_users_reaches_a_terminal_as_it_is(
    listing: Callable[[str], list[dict[str, object]]],
) -> None:
    (row,) = listing(printing({**ROW, "missing": ["a\x1b[2J\n" + "b" * 300] * 300}))
    missing = row["missing"]
    assert isinstance(missing, list)
    assert missing[0].startswith("a?[2J?b")
    assert len(missing) <= 100
    assert len(missing[0]) <= 200


@pytest.mark.parametrize(
    "script",
    [
        "exit 1",
        "echo '{}'",
        "echo '[7]'",
        "sleep 60",
        "yes '[[[['",
        printing({**ROW, "name": "../x"}),
        printing({**ROW, "state": "\x1b[2J"}),
        printing({**ROW, "name": 7}),
        printing({**ROW, "missing": [7]}),
        printing({**ROW, "python": None}),
    ],
    ids=range(10),
)
def test_what_is_not_a_list_of_create_kernel_is_unknown(
    listing: Callable[[str], list[dict[str, object]]], script: str
) -> None:
    (row,) = listing(script)
    assert (row["user"], row["kernel"], row["state"]) == (getpass.getuser(), "", "unknown")
