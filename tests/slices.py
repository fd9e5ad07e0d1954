"""What of the many `make test` runs: a slice, chosen by the commit, so that each has its turn.

`make test` has to end within CI's 90 minutes also where nobody has KVM and the host runs at half of its
speed. `make test-all` runs everything.
"""

from __future__ import annotations

import os
import subprocess
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest
from turns import SLICES, VARIABLE

from tests import xdist_groups

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


def is_whole(items: Sequence[pytest.Item]) -> bool:
    """Is this a run of everything, with the bake, rather than of some files?"""
    return any(map(xdist_groups.needs_the_bake, items))


def whose_turn_it_is_not(items: Sequence[pytest.Item], commit: str) -> set[str]:
    """The files with the marker `turn` that this commit leaves out: of each four, three."""
    files = sorted({xdist_groups.file_of(item) for item in items if item.get_closest_marker("turn")})
    first = zlib.crc32(commit.encode()) % SLICES
    return set(files) - set(files[first::SLICES])


def variables(environment: Mapping[str, str] = MappingProxyType(os.environ)) -> dict[str, str]:
    """What tells image tests with the fixture in_turn whose turn it is; thorough runs have all of them."""
    return {} if environment.get("HUBSMITH_THOROUGH") else {VARIABLE: commit()}
