"""What `make test` leaves to other commits: little enough that each test has its turn, and the same in all
processes of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
import turns

from tests import host_speed, slices

COMMITS = [f"{number:040x}" for number in range(200)]


class Item:
    """Of a test, what tests/slices.py and tests/time_limit.py look at."""

    def __init__(self, nodeid: str, *marks: str, fixtures: Sequence[str] = ()) -> None:
        self.nodeid, self.marks, self.fixturenames = nodeid, marks, fixtures

    def get_closest_marker(self, name: str) -> bool | None:
        return True if name in self.marks else None


def items_of(*items: Item) -> Sequence[pytest.Item]:
    return cast(Sequence[pytest.Item], items)


FILES = [f"tests/cloud/test_{letter}.py" for letter in "abcdefgh"]
ITEMS = items_of(
    Item("tests/cloud/test_always.py::test_it", "vm"),
    *(Item(f"{file}::test_{number}", "vm", "turn") for file in FILES for number in range(2)),
)
WHOLE = [*ITEMS, *items_of(Item("tests/cloud/test_golden.py::test_it", "vm", "bake"))]


@pytest.fixture(autouse=True)
def slow_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(host_speed.VARIABLE, "1")


def files_of(nodeids: set[str]) -> set[str]:
    return {nodeid.partition("::")[0] for nodeid in nodeids}


def test_a_quarter_of_the_files_has_its_turn_and_each_some_time() -> None:
    left = [files_of(slices.left_to_others(WHOLE, commit)) for commit in COMMITS]
    assert {len(files) for files in left} == {6}
    assert {file for files in left for file in set(FILES) - files} == set(FILES)
    assert not any("test_always" in file for files in left for file in files)


def test_tests_of_a_file_stay_together_unless_only_some_have_the_marker() -> None:
    left = [slices.left_to_others(WHOLE, commit) for commit in COMMITS]
    assert all(len(nodeids) == 2 * len(files_of(nodeids)) for nodeids in left)
    mixed = [*WHOLE, *items_of(Item("tests/cloud/test_a.py::test_common", "vm"))]
    found = [slices.left_to_others(mixed, commit) for commit in COMMITS]
    assert not any("tests/cloud/test_a.py::test_common" in nodeids for nodeids in found)
    pair = {f"tests/cloud/test_a.py::test_{number}" for number in range(2)}
    assert any(len(pair & nodeids) == 1 for nodeids in found)


def test_who_names_files_gets_them() -> None:
    assert slices.left_to_others(ITEMS, COMMITS[0]) == set()


def test_a_host_of_the_usual_speed_runs_all_files_and_image_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(host_speed.VARIABLE, "0")
    assert slices.left_to_others(WHOLE, COMMITS[0]) == set()
    assert slices.variables({}) == {}


@pytest.mark.parametrize(
    ("marks", "share"), [((), 1.0), (("matrix",), 0.25), (("exhaustive", "matrix"), 0.0)]
)
def test_its_own_marks_decide(marks: tuple[str, ...], share: float) -> None:
    (item,) = items_of(Item("tests/cloud/test_it.py::test_it", *marks))
    chosen = [slices.is_chosen(item, commit) for commit in COMMITS]
    assert sum(chosen) / len(chosen) == pytest.approx(share, abs=0.1)


def test_image_tests_have_their_turn_too() -> None:
    def left_out(test: str) -> list[bool]:
        file = Path("tests/image/test_it.py")
        return [turns.is_left_out(test, file, {turns.VARIABLE: commit}) for commit in COMMITS]

    assert sum(left_out("test_it")) / len(COMMITS) == pytest.approx(0.75, abs=0.1)
    assert left_out("test_it[ssh://instance]") == left_out("test_it")
    assert left_out("test_it") != left_out("test_other")


@pytest.mark.parametrize("environment", [{}, {turns.VARIABLE: ""}])
def test_an_image_is_tested_wholly_where_nobody_names_a_commit(environment: dict[str, str]) -> None:
    assert not turns.is_left_out("test_it", Path("tests/image/test_it.py"), environment)


def test_the_two_lists_of_turns_agree() -> None:
    assert (slices.VARIABLE, slices.SLICES) == (turns.VARIABLE, turns.SLICES)


def test_a_thorough_run_names_none() -> None:
    assert slices.variables({"HUBSMITH_THOROUGH": "1"}) == {}
    assert slices.variables({}) == {turns.VARIABLE: slices.commit()}
