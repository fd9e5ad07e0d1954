"""Whose turn it is: where HUBSMITH_TURN names a commit, that commit has one in four of some image tests.

`make test` sets it on a slow host. On emulated processors those tests take minutes each, most of them for
servers of their own; over some commits each has its turn.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from pathlib import PurePath

VARIABLE = "HUBSMITH_TURN"
SLICES = 4


def is_left_out(test: str, file: PurePath, environment: Mapping[str, str] = os.environ) -> bool:
    """Is it another commit's turn? A test's parameters stay together ("test_it[ssh://instance]")."""
    commit = environment.get(VARIABLE)
    name = f"{file.name} {test.partition('[')[0]}"
    return bool(commit) and zlib.crc32(f"{commit} {name}".encode()) % SLICES != 0
