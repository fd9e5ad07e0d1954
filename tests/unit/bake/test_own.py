"""Hubsmith itself is part of what an image is made of: its version, and each file that works on a builder or makes the image."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import build
from build.bake import inputs, layers, own
from build.manifest import Manifest, load

REPO = Path(__file__).parents[3]
BASE = ("ami-0123456789abcdef0", "debian-13-amd64-20261123-1130")
NO_PART = {
    "build/bake": (
        # What is built, from what and why; nothing of it is done here.
        "__init__.py fingerprint.py inputs.py layers.py own.py plan.py plan_words.py preflight.py source_image.py installer.py state.py"
        # Around the builder: its group, when it ends, when it is launched, what its kernel reports.
        " builder.py network.py run.py watch.py"
        # Of the finished image: tests, evidence, who may launch it, what it is called.
        " candidate.py evidence.py image_tests.py outside.py mount_image.sh verify.py publish.py share.py record.py revision.py"
        " list_packages.sh"
    ),
    "build/remote": "__init__.py caller.py channel.py client.py greeting.py keys.py sight.py",
}
"""Files of these rooms that have no influence on what is in an image."""


@pytest.fixture
def tiny() -> Manifest:
    return load(REPO / "tests/cloud/tiny/manifest.yaml")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another checkout of Hubsmith, which is the one at work."""
    shutil.copytree(REPO / "build", tmp_path / "build", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(own, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", [*own.ON_THE_BUILDER, *own.AFTER_IT])
def test_another_version_of_a_file_is_a_change_and_named(tiny: Manifest, checkout: Path, name: str) -> None:
    before = inputs.of(tiny, *BASE)
    with (checkout / name).open("a") as file:
        file.write("# changed\n")
    assert inputs.changes(inputs.of(tiny, *BASE), before.tags()) == [f"Hubsmith's own {name} changed"]


def test_another_version_is_a_change(tiny: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    before = inputs.of(tiny, *BASE).tags()
    assert before["hubsmith:version"] == build.VERSION
    monkeypatch.setattr(own, "VERSION", "9.9.9")
    assert inputs.changes(inputs.of(tiny, *BASE), before) == [f"Hubsmith {build.VERSION} → 9.9.9"]


def test_another_renderer_of_templates_is_a_change(tiny: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    before = inputs.of(tiny, *BASE).tags()
    monkeypatch.setattr(own, "version", lambda _: "9.9")
    assert inputs.changes(inputs.of(tiny, *BASE), before) == ["Hubsmith's own jinja2 changed"]


def test_a_layer_is_of_what_worked_on_its_builder(tiny: Manifest, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def key() -> str:
        return layers.key_of(inputs.of(tiny, *BASE), 0)

    first = key()
    (checkout / own.AFTER_IT[-1]).write_text("exit 1\n")
    monkeypatch.setattr(own, "VERSION", "9.9.9")
    assert key() == first  # how a build ends is no matter
    (checkout / own.ON_THE_BUILDER[0]).write_text("other\n")
    assert key() != first
    assert layers.key_of(inputs.of(tiny, *BASE, "ubuntu"), 0) != layers.key_of(inputs.of(tiny, *BASE, "admin"), 0)


def test_every_file_of_these_rooms_is_looked_at() -> None:
    """A file that comes later is put on one of the two lists."""
    here = {path.relative_to(REPO).as_posix() for room in NO_PART for path in (REPO / room).iterdir() if path.suffix in (".py", ".sh")}
    others = {f"{room}/{name}" for room, names in NO_PART.items() for name in names.split()}
    counted = {name for name in (*own.ON_THE_BUILDER, *own.AFTER_IT) if name.rpartition("/")[0] in NO_PART}
    assert counted & others == set()
    assert counted | others == here


def test_the_version_is_that_of_the_project() -> None:
    found = re.search(r'^version = "(.*)"$', (REPO / "pyproject.toml").read_text(), re.MULTILINE)
    assert found
    assert found[1] == build.VERSION
