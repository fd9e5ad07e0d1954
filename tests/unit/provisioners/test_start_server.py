"""The program that starts a user's server: with a full home, IPython's folder is in memory.

Without it, a kernel of somebody who had none before ends with OSError 28, and so does the second start of a
server (jupyter_core's migration of IPython's files): https://github.com/2i2c-org/infrastructure/issues/6639.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPO

PROGRAM = REPO / "provisioners/jupyterhub/files/usr/lib/hubsmith/start-server"
CLEAN_SETTINGS = REPO / "provisioners/jupyterhub/files/usr/share/hubsmith/jupyterhub/clean_start.json"
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


VARIABLES = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")


def started(home: Path, memory: Path, **environment: str) -> tuple[dict[str, str], str]:
    """The environment of what is started, and what is said. Its folder in memory is this one."""
    program = home.parent / "start-server"
    program.write_text(PROGRAM.read_text().replace("memory=/tmp/hubsmith-start", f"memory={memory}"))
    passed = {"HOME": str(home), "PATH": os.environ["PATH"], **environment}
    done = subprocess.run(
        ["/bin/sh", program, "env", "-0"], env=passed, capture_output=True, text=True, check=True
    )
    said, _, environment_text = done.stdout.rpartition("\n")
    return dict(line.split("=", 1) for line in environment_text.split("\0") if line), said + done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "ada"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        (".jupyter", "JUPYTER_CONFIG_DIR"),
        (".local", "JUPYTER_DATA_DIR"),
        (".local/share", "JUPYTER_DATA_DIR"),
        (".local/share/jupyter", "JUPYTER_DATA_DIR"),
        (".ipython", "IPYTHONDIR"),
        (".ipython/profile_default", "IPYTHONDIR"),
    ],
)
@pytest.mark.parametrize("kind", ["file", "link", "closed"])
def test_a_folder_that_cannot_be_used_is_left_aside_and_named(
    home: Path, tmp_path: Path, name: str, variable: str, kind: str
) -> None:
    one = home / name
    one.parent.mkdir(parents=True, exist_ok=True)
    if kind == "file":
        one.touch()
    elif kind == "link":
        one.symlink_to("gone/away")
    else:
        if os.getuid() == 0:
            pytest.skip("root may use every folder")
        one.mkdir(mode=0o500)
    environment, said = started(home, tmp_path / "memory")
    assert {found for found in VARIABLES if found in environment} == {variable}
    assert Path(environment[variable]).is_dir()
    assert f"{one} cannot be used" in said


def test_folders_that_can_be_used_are(home: Path, tmp_path: Path) -> None:
    for name in (".jupyter", ".local/share/jupyter", ".ipython/profile_default"):
        (home / name).mkdir(parents=True)
    environment, said = started(home, tmp_path / "memory")
    assert not set(VARIABLES) & set(environment)
    assert said == ""
    assert not (tmp_path / "memory").exists()


def test_a_clean_start_sets_everything_of_the_users_own_aside(home: Path, tmp_path: Path) -> None:
    clean = {"HUBSMITH_CLEAN_START": "1", "HUBSMITH_CLEAN_SETTINGS": str(CLEAN_SETTINGS)}
    environment, said = started(home, tmp_path / "memory", **clean)
    assert all(environment[name].startswith(f"{tmp_path}/memory/") for name in VARIABLES)
    assert environment["PYTHONNOUSERSITE"] == "1"
    settings = json.loads(
        (Path(environment["JUPYTER_CONFIG_DIR"]) / "jupyter_server_config.json").read_text()
    )
    assert settings["ServerApp"]["terminado_settings"]["shell_command"][1:] == ["--noprofile", "--norc"]
    assert "your own settings are left aside" in said
    assert list(home.iterdir()) == []
