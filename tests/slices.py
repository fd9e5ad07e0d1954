"""What of the many `make test` runs: a slice, chosen by the commit, so that each has its turn.

The matrices are always sliced. On a slow host, so are files and image tests that take minutes: with all of
them a run would not end within CI's 90 minutes. `make test-all` runs everything.
"""

from __future__ import annotations

import os
import subprocess
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest

from tests import host_speed, xdist_groups

SLICES = 4
VARIABLE = "HUBSMITH_TURN"  # read by tests/image/turns.py

_REPO = Path(__file__).parents[1]


def commit() -> str:
    """The one that is tested; "" where there is no Git repository."""
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=_REPO, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def is_chosen(item: pytest.Item, commit: str) -> bool:
    """By its own marks: nothing exhaustive, and a slice of the matrices."""
    if item.get_closest_marker("exhaustive"):
        return False
    in_slice = zlib.crc32(f"{commit} {item.nodeid}".encode()) % SLICES == 0
    return in_slice or not item.get_closest_marker("matrix")


def left_to_others(items: Sequence[pytest.Item], commit: str) -> set[str]:
    """The names of tests with the marker `turn` that this commit leaves out on a slow host: of four, three.

    A file whose tests all have the marker is one, so that what they share is made once. None are left out
    where some files are asked for, rather than everything with the bake: who names them wants to see them.
    """
    if not host_speed.is_slow() or not any(map(xdist_groups.needs_the_bake, items)):
        return set()
    mixed = {xdist_groups.file_of(item) for item in items if not item.get_closest_marker("turn")}
    ones: dict[str, set[str]] = {}
    for item in items:
        if item.get_closest_marker("turn"):
            file = xdist_groups.file_of(item)
            ones.setdefault(item.nodeid if file in mixed else file, set()).add(item.nodeid)
    chosen = sorted(ones)[zlib.crc32(commit.encode()) % SLICES :: SLICES]
    return {nodeid for one in ones.keys() - chosen for nodeid in ones[one]}


def variables(environment: Mapping[str, str] = MappingProxyType(os.environ)) -> dict[str, str]:
    """What tells image tests with the fixture in_turn whose turn it is; without it they run all of them."""
    wholly = environment.get("HUBSMITH_THOROUGH") or not host_speed.is_slow()
    return {} if wholly else {VARIABLE: commit()}
