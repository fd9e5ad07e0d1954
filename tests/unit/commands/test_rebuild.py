"""rebuild: what it hands on to a build, and what counts as a run of a schedule. Neither a cloud nor a build takes part."""

from __future__ import annotations

import importlib
import os
import time
from pathlib import Path
from typing import Any

import pytest
from invoke import Program

from build.manifest import Manifest, load
from build.upkeep import rebuild as rebuilder
from build.upkeep.rebuild import Verdict
from build.upkeep.schedule.when import When
from tasks import namespace

TINY = Path(__file__).parents[2] / "cloud" / "tiny" / "manifest.yaml"
EVERY_DAY = When.parse("daily 00:00")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CI", "JOURNAL_STREAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    return tmp_path


@pytest.fixture
def builds(state: Path, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each build that was asked for, whether it had to be cold. The published image is stale, and too old if an age is given."""
    made: list[bool] = []
    command = importlib.import_module("build.commands.rebuild")

    def judge(_: object, __: object, limit: object) -> Verdict:
        return Verdict("ami-old", ("something changed",), aged=limit is not None, inputs="x")

    def bake(*_: object, no_cache: bool) -> str:
        made.append(no_cache)
        return "ami-new"

    monkeypatch.setattr(command, "connect_to", lambda *_, **__: object())
    monkeypatch.setattr(rebuilder, "judge", judge)
    monkeypatch.setattr(command, "bake", bake)
    return made


def rebuild(*arguments: str) -> None:
    Program(namespace=namespace).run(["invoke", "rebuild", "--manifest", str(TINY), *arguments], exit=False)


@pytest.mark.parametrize(
    ("arguments", "cold"), [((), False), (("--no-cache",), True), (("--max-age", "7d"), True)], ids=["changed", "asked for", "aged"]
)
def test_a_build_for_its_age_uses_no_layer(builds: list[bool], arguments: tuple[str, ...], cold: bool) -> None:
    rebuild(*arguments)
    assert builds == [cold]


def test_check_builds_nothing(builds: list[bool], capsys: pytest.CaptureFixture[str]) -> None:
    rebuild("--check")
    assert builds == []
    assert "due: something changed" in capsys.readouterr().err


def test_what_was_missed_is_made_up_for_once(builds: list[bool], tiny: Manifest, capsys: pytest.CaptureFixture[str]) -> None:
    catch_up = ("--catch-up", str(EVERY_DAY))
    rebuild("--check", "--scheduled", *catch_up)
    assert "due: something changed" in capsys.readouterr().err  # a check that is due is not quiet
    rebuild("--check", "--scheduled", *catch_up)
    assert "no run was missed since daily 00:00" in capsys.readouterr().err
    rebuild("--check")  # by hand: no run of the schedule
    (last,) = rebuilder.paths.state_dir().glob("rebuild-*.last")
    days_ago = time.time() - 3 * 24 * 3600
    os.utime(last, (days_ago, days_ago))
    assert rebuilder.missed(tiny, EVERY_DAY)


def test_a_run_that_finds_another_at_work_leaves_it_alone(builds: list[bool], tiny: Manifest, capsys: pytest.CaptureFixture[str]) -> None:
    with rebuilder.turn(tiny) as holder:
        assert holder is None
        rebuild()
    assert f"another rebuild of greeting is at work (process {os.getpid()}" in capsys.readouterr().err
    assert builds == []
    rebuild()
    assert builds == [False]


@pytest.fixture
def tiny(state: Path) -> Manifest:
    return load(TINY, cloud="local")


def test_a_schedule_of_another_image_is_another(state: Path, tiny: Manifest) -> None:
    assert rebuilder.missed(tiny, EVERY_DAY)
    rebuilder.ran(tiny)
    assert not rebuilder.missed(tiny, EVERY_DAY)
    other: Any = load(TINY, cloud="local", overrides=["image.name=other"])
    assert rebuilder.missed(other, EVERY_DAY)
