"""plan looks for what would stop a build before anything is made, and names the manifest's line."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from build.bake import recipe
from build.errors import UserError
from build.manifest import Manifest, load
from tests.unit.bake.test_preflight import state

TINY = Path(__file__).parents[2] / "cloud" / "tiny" / "manifest.yaml"


@pytest.fixture
def manifest() -> Manifest:
    return load(TINY)


@pytest.fixture
def clients(manifest: Manifest) -> Any:
    """Of a region that offers what the manifest wants."""
    found: Any = state(offered=manifest.builder.instance_types).clients
    found.credentials_end = None
    return found


def base(monkeypatch: pytest.MonkeyPatch, size_gib: int) -> Any:
    found = SimpleNamespace(architecture="x86_64", root_size_gib=size_gib)
    monkeypatch.setattr(recipe, "find", lambda *_: found)
    return found


def test_what_could_be_built_gives_its_base_and_makes_nothing(
    manifest: Manifest, clients: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    report: Any = SimpleNamespace(warn=None)
    found = base(monkeypatch, 1)
    assert recipe.look(manifest, clients, report) is found
    assert list(tmp_path.rglob("run-*")) == []


def test_what_a_build_would_refuse_is_refused_with_its_line(
    manifest: Manifest, clients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    base(monkeypatch, 1000)
    report: Any = None
    with pytest.raises(UserError, match=r"builder\.root_volume\.size_gib: ") as caught:
        recipe.look(manifest, clients, report)
    assert re.fullmatch(r"\S*manifest\.yaml:\d+:\d+", str(caught.value.where))


def test_a_base_image_that_is_not_there_is_told_with_its_line(
    manifest: Manifest, clients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object) -> None:
        raise UserError("base: there is no image ami-1 in us-east-1")

    monkeypatch.setattr(recipe, "find", nothing)
    report: Any = None
    with pytest.raises(UserError) as caught:
        recipe.look(manifest, clients, report)
    line = int(str(caught.value.where).split(":")[-2])
    assert TINY.read_text().splitlines()[line - 1].startswith("base:")
