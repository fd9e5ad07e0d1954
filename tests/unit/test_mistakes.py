"""The table of the walk-through's mistakes is whole, and the tests it names are there (`make mutants` sees
them turn red).
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants.mistakes import MISTAKES, Mistake

REPO = Path(__file__).parents[2]


def test_none_of_the_25_is_missing() -> None:
    assert sorted({mistake.number for mistake in MISTAKES}) == list(range(1, 26))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: f"{mistake.number}-{mistake.home}")
def test_it_has_a_patch_and_a_test_that_is_there(mistake: Mistake) -> None:
    assert mistake.patch
    assert mistake.tests
    folder = REPO / "tests" / "image" if mistake.home == "image" else REPO
    for test in mistake.tests:
        name, *path = test.split("::")
        here: ast.AST = ast.parse((folder / name).read_text(encoding="utf-8"))
        for part in path:
            inside = [node for node in ast.iter_child_nodes(here) if getattr(node, "name", "") == part]
            assert inside, f"{test}: there is no {part}"
            here = inside[0]
