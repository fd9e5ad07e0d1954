"""What is baked into the hub and needs no hub to be looked at: names of units, shares of the machine."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

HUB = Path(__file__).parents[3] / "provisioners/jupyterhub/files/usr/lib/hubsmith/hub"


@pytest.fixture(scope="module", autouse=True)
def path() -> Iterator[None]:
    sys.path.insert(0, str(HUB))
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    yield
    sys.dont_write_bytecode = before
    sys.path.remove(str(HUB))


def module(name: str) -> ModuleType:
    return __import__(f"hubsmith_hub.{name}", fromlist=["x"])


# The configuration's username_pattern, and JupyterHub's own rule of server names (letters, digits, dashes and
# the like).
USERS = st.from_regex(r"[a-z_][a-z0-9_.@-]{0,31}", fullmatch=True)
SERVERS = st.one_of(st.just(""), st.text(min_size=1, max_size=20))


@given(st.tuples(USERS, SERVERS), st.tuples(USERS, SERVERS))
def test_no_two_servers_have_one_unit(first: tuple[str, str], second: tuple[str, str]) -> None:
    unit_name = module("units").unit_name
    assert (unit_name(*first) == unit_name(*second)) == (first == second)


@given(USERS, SERVERS)
def test_a_units_name_is_one_that_systemd_and_folders_take(user: str, server: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", module("units").unit_name(user, server))


def test_a_plain_name_is_plain() -> None:
    assert module("units").unit_name("ada") == "jupyter-ada-singleuser"
    assert module("units").unit_name("ada@x", "lab 2") == "jupyter-adaX40x-NlabX202-singleuser"


@given(st.integers(1500, 59999))
def test_a_users_slice_is_one_level_below_that_of_all(uid: int) -> None:
    name = module("units").slice_name(uid)
    # each further dash would be a level (systemd.slice(5))
    assert re.fullmatch(r"jupyter-[0-9]+\.slice", name)


@given(st.integers(1, 100))
def test_shares_are_of_this_machine(percent: int) -> None:
    machine = module("machine")
    assert machine.processors(f"{percent}%") == pytest.approx(max(percent / 100 * (os.cpu_count() or 1), 0.1))
    assert machine.memory(f"{percent}%") == pytest.approx(
        percent / 100 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), abs=1
    )


@pytest.mark.parametrize(
    ("processors", "setting", "at_a_time"),
    [(2, "100%", 2), (8, "50%", 4), (2, "25%", 1), (None, "100%", 1), (2, 5, 5)],
)
def test_servers_that_start_at_a_time(
    monkeypatch: pytest.MonkeyPatch, processors: int | None, setting: int | str, at_a_time: int
) -> None:
    machine = module("machine")
    monkeypatch.setattr(machine.os, "cpu_count", lambda: processors)
    assert machine.starts(setting) == at_a_time


def test_amounts_stay() -> None:
    machine = module("machine")
    assert (
        machine.processors(1.5),
        machine.processors(None),
        machine.memory("2G"),
        machine.memory(None),
    ) == (1.5, None, "2G", None)
