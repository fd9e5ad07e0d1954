"""Which process of a run (pytest-xdist's workers) runs what: one begins the bake, runs the tests without
machines meanwhile and then what needs the bake; the others run the rest.

Files that work on the tiny image of the fixture `runner` stay together, as its builds take half a minute
each.
"""

from __future__ import annotations

import os
import re

import pytest

BEHIND = 5  # nice(2): with a processor too few, the others get one part of four
BAKE, RUNNER = "bake", "runner"  # groups; the second is the name of the fixture too


def is_shared(config: pytest.Config) -> bool:
    """Is this one of several processes?"""
    return hasattr(config, "workerinput")


def needs_the_bake(item: pytest.Item) -> bool:
    return item.get_closest_marker("bake") is not None


def give_way(item: pytest.Item) -> None:
    """Have this process, and what it starts from now on, run behind the bake: the run waits for that."""
    behind = os.getpriority(os.PRIO_PROCESS, 0) >= BEHIND
    if is_shared(item.config) and not needs_the_bake(item) and not behind:
        os.setpriority(os.PRIO_PROCESS, 0, BEHIND)


def arrange(items: list[pytest.Item], *, shared: bool) -> None:
    """What needs the bake comes last in one process; of several, one begins the bake and has what needs it,
    and the others take a file at a time.
    """
    has_a_bake = shared and any(map(needs_the_bake, items))
    items.sort(key=_turn if has_a_bake else needs_the_bake)
    of_the_runner = {
        file_of(item)
        for item in items
        if RUNNER in getattr(item, "fixturenames", ()) and not needs_the_bake(item)
    }
    for item in items:
        beside = has_a_bake and _turn(item) == _MEANWHILE
        item.add_marker(pytest.mark.xdist_group(BAKE if beside else _group(item, of_the_runner)))


_BEGIN, _MEANWHILE, _AFTERWARDS, _ELSEWHERE = range(4)


def _turn(item: pytest.Item) -> int:
    """The first three are of the process that bakes, in that order."""
    if needs_the_bake(item):
        fixtures = getattr(item, "fixturenames", ())
        return _BEGIN if "baking" in fixtures and "golden" not in fixtures else _AFTERWARDS
    return _ELSEWHERE if item.get_closest_marker("vm") else _MEANWHILE


def _group(item: pytest.Item, of_the_runner: set[str]) -> str:
    if needs_the_bake(item):
        return BAKE
    return RUNNER if file_of(item) in of_the_runner else file_of(item)


def file_of(item: pytest.Item) -> str:
    """The file of a test, from the top folder."""
    return item.nodeid.partition("::")[0]


def plain(nodeid: str) -> str:
    """A test's name without the group, which pytest-xdist writes behind it."""
    return re.sub(rf"@({BAKE}|{RUNNER}|\S+\.py)$", "", nodeid)
