"""A build with a lock installs exactly that: older releases than the registry has, and nothing whose hash is
another.

A venv of this system's Python, in an overlay of its files; the lock is made by uv as `invoke lock` makes it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from build.lock.resolve import resolve
from build.lock.write import write
from build.manifest import Manifest, load
from build.manifest.packages.lockfile_format import Lock
from tests.cloud.distributions.overlay import PREFIX, Root, overlay, the_images_own_test_agrees_with_the_lock

REPO = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="lays an overlay over this system's files, which needs root"
)
# This system is older than the base image the shipped manifest asks for.
OLDER = ("base.name=debian-12-amd64-*",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped manifest in a folder of its own."""
    made = tmp_path_factory.mktemp("locked")
    (made / "manifest.yaml").write_bytes((REPO / "manifest.yaml").read_bytes())
    for name in ("provisioners", "tests"):
        (made / name).symlink_to(REPO / name)
    return made


def locked(folder: Path, lock: Lock, packages: str) -> tuple[Manifest, Lock]:
    """The manifest with these packages and a lock of it, made from an earlier one."""
    chosen = (*OLDER, f"python.packages={packages}")
    made = resolve(
        load(folder / "manifest.yaml", cloud="local", overrides=chosen, building=False), lock, upgrade=False
    )
    write(made, folder / "manifest.lock")
    return load(folder / "manifest.yaml", cloud="local", overrides=chosen), made


@pytest.fixture(scope="module")
def made(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Root, Manifest]]:
    """/opt/anaconda from a lock that was made when there was no newer cowsay."""
    chosen, _ = locked(folder, locked(folder, Lock(), "['cowsay<6.1']")[1], "[cowsay]")
    with overlay(tmp_path_factory.mktemp("overlay")) as root:
        root.lay(chosen, "base")
        done = root.provision(chosen, "python", "http://127.0.0.1:9")
        assert done.status == 0, done.said
        yield root, chosen


def test_it_has_what_the_lock_says_and_nothing_else(made: tuple[Root, Manifest], folder: Path) -> None:
    root, chosen = made
    (use,) = [use for use in chosen.provisioners if use.lock_files]
    pinned = {
        line.split(" ")[0]
        for line in use.lock_files["pip"].splitlines()
        if "==" in line and "python_full_version" not in line
    }
    there = set(
        root.run(
            f"{PREFIX}/bin/python -m pip list --format=freeze --disable-pip-version-check"
        ).said.splitlines()
    )
    assert "cowsay==6.0" in there
    plain = {one.lower().replace("_", "-").replace(".", "-") for one in there}
    assert {one.lower().replace("_", "-").replace(".", "-") for one in pinned} <= plain
    assert len(plain) <= len(
        {line.split("==")[0] for line in use.lock_files["pip"].splitlines() if "==" in line}
    )


def test_the_images_own_test_finds_the_lock_and_agrees(made: tuple[Root, Manifest]) -> None:
    the_images_own_test_agrees_with_the_lock(*made)


def test_run_again_it_finds_nothing_to_do(made: tuple[Root, Manifest]) -> None:
    root, chosen = made
    assert root.provision(chosen, "python", "http://127.0.0.1:9").said == f"{PREFIX} is as it should be"


def test_a_file_with_another_hash_is_not_installed(made: tuple[Root, Manifest], folder: Path) -> None:
    root, _ = made
    locked(folder, Lock(), "['cowsay<6']")
    text = (folder / "manifest.lock").read_text()
    at = text.index("--hash=sha256:", text.index("cowsay==")) + len("--hash=sha256:")
    end = re.compile(r"\n +c").search(text, at)
    assert end
    wrong = text[:at] + "0" * 64 + text[end.start() :]
    (folder / "manifest.lock").write_text(wrong)
    chosen = load(folder / "manifest.yaml", cloud="local", overrides=(*OLDER, "python.packages=['cowsay<6']"))
    done = root.provision(chosen, "python", "http://127.0.0.1:9")
    assert done.status != 0
    assert "Hash mismatch for `cowsay==5.0`" in done.said, done.said
    assert (
        root.run(
            f"{PREFIX}/bin/python -c 'import importlib.metadata as m; print(m.version(\"cowsay\"))'"
        ).said
        == "6.0"
    )
