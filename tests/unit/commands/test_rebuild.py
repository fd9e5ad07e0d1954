"""rebuild: what it hands on to a build, and what counts as a run of a schedule.

Neither a cloud nor a build takes part.
"""

from __future__ import annotations

import importlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from invoke import Program

from build import paths
from build.errors import UserError
from build.manifest import Manifest, load
from build.rebuild import due as rebuilder
from build.rebuild.due import RebuildDecision
from build.rebuild.schedule.weekly_time import WeeklyTime
from tasks import namespace

TINY = Path(__file__).parents[2] / "cloud" / "tiny" / "manifest.yaml"
EVERY_DAY = WeeklyTime.parse("daily 00:00")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CI", "JOURNAL_STREAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    return tmp_path


@pytest.fixture
def builds(state: Path, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each build that was asked for, whether it had to be cold.

    The published image is stale, and too old if an age is given.
    """
    made: list[bool] = []
    command = importlib.import_module("build.commands.rebuild")

    def judge(_: object, __: object, limit: object) -> RebuildDecision:
        return RebuildDecision("ami-old", ("something changed",), aged=limit is not None, inputs="x")

    def bake(*_: object, no_cache: bool) -> str:
        made.append(no_cache)
        return "ami-new"

    monkeypatch.setattr(command, "connect_to", lambda *_, **__: object())
    monkeypatch.setattr(rebuilder, "decide", judge)
    monkeypatch.setattr("build.bake.recipe.bake", bake)
    return made


def rebuild(*arguments: str) -> None:
    Program(namespace=namespace).run(["invoke", "rebuild", "--manifest", str(TINY), *arguments], exit=False)


@pytest.mark.parametrize(
    ("arguments", "cold"),
    [((), False), (("--no-cache",), True), (("--max-age", "7d"), True)],
    ids=["changed", "asked for", "aged"],
)
def test_a_build_for_its_age_uses_no_layer(
    builds: list[bool], arguments: tuple[str, ...], cold: bool
) -> None:
    rebuild(*arguments)
    assert builds == [cold]


def test_check_builds_nothing(builds: list[bool], capsys: pytest.CaptureFixture[str]) -> None:
    rebuild("--check")
    assert builds == []
    assert "due: something changed" in capsys.readouterr().err


def test_what_was_missed_is_made_up_for_once(
    builds: list[bool], tiny: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    catch_up = ("--catch-up", str(EVERY_DAY))
    rebuild("--check", "--scheduled", *catch_up)
    assert "due: something changed" in capsys.readouterr().err  # a check that is due is not quiet
    rebuild("--check", "--scheduled", *catch_up)
    assert "no run was missed since daily 00:00" in capsys.readouterr().err
    rebuild("--check")  # by hand: no run of the schedule
    (last,) = paths.state_dir().glob("rebuild-*.last")
    days_ago = time.time() - 3 * 24 * 3600
    os.utime(last, (days_ago, days_ago))
    assert rebuilder.is_overdue(tiny, EVERY_DAY)


def test_a_run_that_finds_another_at_work_leaves_it_alone(
    builds: list[bool], tiny: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    with rebuilder.rebuild_lock(tiny) as holder:
        assert holder is None
        rebuild()
    assert f"another rebuild of greeting is running (process {os.getpid()}" in capsys.readouterr().err
    assert builds == []
    rebuild()
    assert builds == [False]


class Parameters:
    """Systems Manager, as far as it is asked."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.ssm = self

    def get_parameter(self, *, Name: str) -> Any:
        if Name not in self.kept:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": {"Value": self.kept[Name]}}

    def put_parameter(self, *, Name: str, Value: str, **_: object) -> None:
        self.kept[Name] = Value

    @property
    def failures(self) -> int:
        return int(json.loads(self.kept["/hubsmith/greeting/rebuild"])["failures"])


def test_what_fails_before_a_build_is_said_three_times_too(
    builds: list[bool], state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No base image matches, say: looked for at each turn, said until the third and again after the pause."""
    parameters, judge = Parameters(), rebuilder.decide

    def no_base_image(*_: object) -> RebuildDecision:
        raise UserError("no base image matches")

    monkeypatch.setattr(
        importlib.import_module("build.commands.rebuild"), "connect_to", lambda *_, **__: parameters
    )
    monkeypatch.setattr(rebuilder, "decide", no_base_image)
    said = []
    for _ in range(5):
        rebuild("--scheduled")
        said.append(capsys.readouterr().err)
    assert ["no base image matches" in each for each in said] == [True, True, True, False, False]
    assert ["3rd failure in a row" in each for each in said] == [False, False, True, False, False]
    assert said[3:] == ["", ""]
    assert "not tried: failed 3 times" in (state / "rebuild.log").read_text()
    assert parameters.failures == 3
    monkeypatch.setattr(rebuilder, "decide", judge)
    rebuild("--scheduled")
    assert (builds, parameters.failures) == ([False], 0)


def test_a_run_with_nothing_to_do_ends_the_row(builds: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = Parameters()
    parameters.kept["/hubsmith/greeting/rebuild"] = json.dumps(
        {"failures": 2, "since": "2026-11-23T03:00:00+00:00"}
    )
    monkeypatch.setattr(
        importlib.import_module("build.commands.rebuild"), "connect_to", lambda *_, **__: parameters
    )
    monkeypatch.setattr(
        rebuilder, "decide", lambda *_: RebuildDecision("ami-old", (), aged=False, inputs="x")
    )
    rebuild("--scheduled")
    assert parameters.failures == 0


@pytest.fixture
def tiny(state: Path) -> Manifest:
    return load(TINY, cloud="local")


def test_a_schedule_of_another_image_is_another(state: Path, tiny: Manifest) -> None:
    assert rebuilder.is_overdue(tiny, EVERY_DAY)
    rebuilder.mark_run(tiny)
    assert not rebuilder.is_overdue(tiny, EVERY_DAY)
    other: Any = load(TINY, cloud="local", overrides=["image.name=other"])
    assert rebuilder.is_overdue(other, EVERY_DAY)
