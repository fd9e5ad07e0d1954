"""A run of several processes: a file's tests stay together, so that what they share is made once, and only
one process bakes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests import xdist_groups

REPO = Path(__file__).parents[2]
FILES = ("tests/unit/test_tables.py", "tests/unit/test_report.py", "tests/unit/test_pipeline.py")


def test_a_file_is_run_by_one_process() -> None:
    (options,) = re.findall(r"^SHARED := (.*)$", (REPO / "Makefile").read_text(), re.MULTILINE)
    command = [sys.executable, "-m", "pytest", "-v", *options.split(), *FILES]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    seen = set(re.findall(r"^\[(gw\d)\] .*PASSED (tests/unit/\w+\.py)", done.stdout, re.MULTILINE))
    assert sorted(file for _, file in seen) == sorted(FILES)
    assert not re.search(r"PASSED .*@", done.stdout), "names are those of a run of one process"
    assert {process for process, _ in seen} == {"gw0", "gw1"}


class Item:
    """Of a test, what arrange() and give_way() look at."""

    config: Any = None

    def __init__(
        self, nodeid: str, *, bake: bool = False, vm: bool = False, fixtures: Sequence[str] = ()
    ) -> None:
        self.fixturenames = fixtures
        self.nodeid, self.markers = nodeid, [pytest.mark.bake] * bake + [pytest.mark.vm] * (bake or vm)

    def get_closest_marker(self, name: str) -> pytest.MarkDecorator | None:
        return next((marker for marker in self.markers if marker.name == name), None)

    def add_marker(self, marker: pytest.MarkDecorator) -> None:
        self.markers.append(marker)


def arranged(*items: Item, shared: bool) -> list[tuple[str, str]]:
    """Each item's name and group."""
    mixed = list(items)
    xdist_groups.arrange(cast(list[pytest.Item], mixed), shared=shared)
    return [(item.nodeid, item.markers[-1].args[0]) for item in mixed]


def some_of_all_kinds() -> list[Item]:
    return [
        Item("machine", vm=True),
        Item("image", bake=True, fixtures=["baking", "golden"]),
        Item("unit"),
        Item("begin", bake=True, fixtures=["baking"]),
        Item("other unit"),
        Item("hub", bake=True, fixtures=["golden_hub", "golden", "baking"]),
    ]


def test_the_process_that_bakes_runs_what_has_no_machine_meanwhile() -> None:
    assert arranged(*some_of_all_kinds(), shared=True) == [
        ("begin", "bake"),
        ("unit", "bake"),
        ("other unit", "bake"),
        ("image", "bake"),
        ("hub", "bake"),
        ("machine", "machine"),
    ]


def test_a_single_process_bakes_at_the_end() -> None:
    assert [name for name, _ in arranged(*some_of_all_kinds(), shared=False)] == [
        "machine",
        "unit",
        "other unit",
        "image",
        "begin",
        "hub",
    ]


def test_without_a_bake_each_file_goes_where_there_is_room() -> None:
    items = [Item("a"), Item("b", vm=True), Item("c")]
    assert arranged(*items, shared=True) == [("a", "a"), ("b", "b"), ("c", "c")]


def test_files_that_work_on_one_tiny_image_stay_together() -> None:
    items = [
        Item("a::1"),
        Item("b::1", fixtures=["runner"]),
        Item("a::2"),
        Item("c::1", fixtures=["key", "runner"]),
        Item("b::2"),
    ]
    xdist_groups.arrange(cast(list[pytest.Item], items), shared=True)
    groups = {item.nodeid: item.markers[-1].args[0] for item in items}
    assert groups == {"a::1": "a", "a::2": "a", "b::1": "runner", "b::2": "runner", "c::1": "runner"}


@pytest.mark.parametrize(
    ("shared", "bake", "before", "after"),
    [(True, False, 0, 5), (True, True, 0, 0), (False, False, 0, 0), (True, False, 9, 9)],
)
def test_what_does_not_bake_runs_behind_the_bake(
    monkeypatch: pytest.MonkeyPatch, shared: bool, bake: bool, before: int, after: int
) -> None:
    nice = [before]
    monkeypatch.setattr(os, "getpriority", lambda *_: nice[-1])
    monkeypatch.setattr(os, "setpriority", lambda _kind, _process, value: nice.append(value))
    item = Item("a", bake=bake)
    item.config = SimpleNamespace(**({"workerinput": {}} if shared else {}))
    xdist_groups.give_way(cast(pytest.Item, item))
    assert nice[-1] == after
