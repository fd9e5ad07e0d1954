"""A target that is not one never ends with 0: a CI line with it would be green for ever."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=REPO, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("target", "meant"),
    [("build", "build-ami"), ("tests", "test"), ("localcloud", "help"), ("provisioners", "help")],
)
def test_a_folder_is_no_target(target: str, meant: str) -> None:
    done = make(target)
    assert done.returncode == 2
    assert f"make {target}: not a target" in done.stderr
    assert f"make {meant}" in done.stderr


def test_every_folder_has_a_rule() -> None:
    folders = [path.name for path in REPO.iterdir() if path.is_dir() and path.name[0] not in "._"]
    nothing = [name for name in folders if "Nothing to be done" in make("--dry-run", name).stdout]
    assert nothing == []
