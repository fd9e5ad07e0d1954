"""Which process of a run (pytest-xdist's workers) runs what: one bakes and then runs what needs the bake, the others run the rest."""

from __future__ import annotations

import re

import pytest


def is_shared(config: pytest.Config) -> bool:
    """Is this one of several processes?"""
    return hasattr(config, "workerinput")


def needs_the_bake(item: pytest.Item) -> bool:
    return item.get_closest_marker("bake") is not None


def arrange(items: list[pytest.Item], *, shared: bool) -> None:
    """What needs the bake comes last in one process; of several, one has it from the start, and the others take a file at a time."""
    items.sort(key=needs_the_bake, reverse=shared)
    for item in items:
        item.add_marker(pytest.mark.xdist_group("bake" if needs_the_bake(item) else item.nodeid.partition("::")[0]))


def plain(nodeid: str) -> str:
    """A test's name without the group, which pytest-xdist writes behind it."""
    return re.sub(r"@(bake|\S+\.py)$", "", nodeid)
