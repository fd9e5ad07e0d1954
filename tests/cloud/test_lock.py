"""`invoke lock` as a user calls it; no machine is started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import package_index
from tests.cloud.invoke_runner import Done

REPO = Path(__file__).parents[2]
INVOKE = Path(sys.executable).with_name("invoke")
TOLD = "provisioners/python/provisioner.yaml"
FILES = {
    "manifest.yaml": """\
image: {name: jupyterhub}
base: {owner: "136693071363", name: debian-13-amd64-*}
python: {requirements: requirements.txt}
provisioners: [python]
""",
    TOLD: """\
summary: Python.
lock: {}
variables:
  distribution: {from: python.distribution}
  packages: {from: python.packages, type: list}
""",
    "provisioners/python/install.sh": "true\n",
    "tests/image/test_image.py": "def test_nothing() -> None: ...\n",
    "requirements.txt": "greet   # says hello\n",
}


@dataclass(frozen=True)
class Folder:
    """A manifest, and a user in its folder."""

    path: Path
    index: package_index.Index

    def invoke(self, command: str, *arguments: str) -> Done:
        mine = {
            "HUBSMITH_STATE": str(self.path.parent / "state"),
            "HUBSMITH_CACHE": str(self.path.parent / "cache"),
            "COLUMNS": "80",
        }
        registries = {"UV_CACHE_DIR": str(self.path.parent / "uv"), "UV_DEFAULT_INDEX": self.index.url}
        words = [str(INVOKE), "--search-root", str(REPO), command, *arguments]
        done = subprocess.run(
            words,
            cwd=self.path,
            env={**os.environ, **mine, **registries},
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with package_index.serving() as index:
        index.add("greet", "1.0")
        for name, text in FILES.items():
            path = tmp_path / "mine" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        yield Folder(tmp_path / "mine", index)


def test_from_a_file_of_packages_to_a_lock_and_its_upgrade(folder: Folder) -> None:
    checked = folder.invoke("check")
    assert checked.status == 0, checked.err
    assert (
        "not reproducible: each build takes the newest of greet that fits; `invoke lock` pins what is "
        "installed"
    ) in checked.err

    made = folder.invoke("lock")
    assert (made.status, made.last) == (0, str(folder.path / "manifest.lock")), made.err
    assert made.err.endswith("\nvenv x86_64: 1 package\n")
    assert folder.invoke("lock").err.endswith("\nthe lock is up to date\n")
    assert "not reproducible" not in folder.invoke("check").err

    folder.index.add("greet", "2.0")
    same = folder.invoke("lock", "--diff")
    assert (same.status, same.out) == (0, ""), same.err
    before = (folder.path / "manifest.lock").read_bytes()
    other = folder.invoke("lock", "--diff", "--upgrade")
    assert (other.status, other.out) == (3, "venv x86_64\n  ~ pip greet 1.0 → 2.0\n"), other.err
    assert (folder.path / "manifest.lock").read_bytes() == before

    upgraded = folder.invoke("lock", "--upgrade", "--json")
    assert json.loads(upgraded.out) == {
        "changes": ["venv x86_64", "  ~ pip greet 1.0 → 2.0"],
        "lock": str(folder.path / "manifest.lock"),
        "written": True,
    }
    assert "greet==2.0 " in (folder.path / "manifest.lock").read_text()


def test_a_lock_that_does_not_fit_stops_every_command_that_builds_with_one_message(folder: Folder) -> None:
    assert folder.invoke("lock").status == 0
    (folder.path / "requirements.txt").write_text("greet\nother\n")
    for command in ("check", "build-ami"):
        done = folder.invoke(command)
        assert (done.status, done.out) == (2, "")
        assert done.err == (
            "error: manifest.lock:5:5 packages.venv.x86_64: is of another manifest (packages: other is "
            "new): run `invoke lock`\n"
            "hint: 1 problem found\n"
        )
    elsewhere = folder.invoke(
        "build-ami", "--set", "python.requirements=null", "--set", "base.architecture=arm64"
    )
    assert elsewhere.status == 2
    assert (
        "packages.venv: is locked for x86_64, not for aarch64, which base.architecture asks for: run "
        "`invoke lock`"
    ) in elsewhere.err
    assert not (folder.path.parent / "state").exists()


def test_a_package_that_does_not_exist_is_one_message_and_nothing_is_left(folder: Folder) -> None:
    before = sorted(folder.path.rglob("*"))
    (folder.path / "requirements.txt").write_text("greet\nabsent-one\n")
    done = folder.invoke("lock")
    assert (done.status, done.out) == (2, "")
    assert "error: pip packages cannot be locked for x86_64: Because absent-one was not found" in done.err
    assert "Traceback" not in done.err
    assert sorted(folder.path.rglob("*")) == before
