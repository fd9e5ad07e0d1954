"""cloud.reset asks before it empties anything, and takes silence for no."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[3]
INVOKE = Path(sys.executable).with_name("invoke")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of somebody who has a local cloud, which is not up, and a cache."""
    for kept in ("state/cloud/state.pickle", "cache/base/disk"):
        (tmp_path / kept).parent.mkdir(parents=True)
        (tmp_path / kept).write_bytes(bytes(1 << 20))
    places = {
        "HUBSMITH_STATE": str(tmp_path / "state"),
        "HUBSMITH_CACHE": str(tmp_path / "cache"),
        "TMPDIR": str(tmp_path),
    }
    return {**os.environ, **places}


def answered(environment: dict[str, str], answer: str, *more: str) -> tuple[int, str]:
    """`cloud.reset` on a terminal: exit code and what was said."""
    ours, theirs = os.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        [INVOKE, "cloud.reset", *more],
        cwd=REPO,
        env=environment,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.close(ours)
    os.close(theirs)
    return done.returncode, done.stdout


def test_it_says_how_much_is_at_stake_and_a_yes_empties_it(
    environment: dict[str, str], tmp_path: Path
) -> None:
    status, said = answered(environment, "no")
    assert (status, "nothing was removed" in said) == (2, True)
    assert "Every instance, volume and image of the local cloud, 1.0 MiB, will be gone. Type 'yes':" in said
    assert (tmp_path / "state/cloud/state.pickle").exists()
    status, said = answered(environment, "yes", "--cache")
    assert (status, "and the cache of base images, 2.0 MiB, will be gone" in said) == (0, True), said
    assert not (tmp_path / "state/cloud").exists()
    assert not (tmp_path / "cache").exists()


def test_where_nobody_can_answer_nothing_is_removed(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [INVOKE, "cloud.reset"],
        cwd=REPO,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "--yes skips the question" in done.stderr) == (2, True), done.stderr
    assert (tmp_path / "state/cloud/state.pickle").exists()
