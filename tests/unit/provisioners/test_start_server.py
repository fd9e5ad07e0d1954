"""The program that starts a user's server: with a full home, IPython's folder is in memory.

Without it, a kernel of somebody who had none before ends with OSError 28, and so does the second start of a
server (jupyter_core's migration of IPython's files): https://github.com/2i2c-org/infrastructure/issues/6639.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPO

PROGRAM = REPO / "provisioners/jupyterhub/files/usr/lib/hubsmith/start-server"
WRITTEN = (".ipython/profile_default/startup/README", ".jupyter/migrated")


def told(home: Path) -> str:
    """IPython's folder in the environment of what is started; empty where it is as usual."""
    command = [str(PROGRAM), "/bin/sh", "-c", 'echo "$IPYTHONDIR$1"', "sh", "!"]
    done = subprocess.run(command, env={"HOME": str(home)}, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return str(done.stdout).strip()


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """A home in which a file has no room: writing to /dev/full fails as on a full disk."""
    (tmp_path / ".hubsmith-room").symlink_to("/dev/full")
    return tmp_path


def has(home: Path, *names: str) -> None:
    for name in names:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).touch()


def test_with_room_nothing_changes(tmp_path: Path) -> None:
    assert told(tmp_path) == "!"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("written", [(), WRITTEN[:1], WRITTEN[1:]], ids=["none", "ipython", "jupyter"])
def test_without_room_what_a_first_start_writes_is_in_memory(full: Path, written: tuple[str, ...]) -> None:
    has(full, *written)
    assert told(full) == "/tmp/ipython!"


def test_settings_that_are_there_are_used_with_a_full_home_too(full: Path) -> None:
    has(full, *WRITTEN)
    assert told(full) == "!"


def test_a_home_that_is_not_there_keeps_nothing_from_starting(tmp_path: Path) -> None:
    assert told(tmp_path / "gone") == "/tmp/ipython!"
