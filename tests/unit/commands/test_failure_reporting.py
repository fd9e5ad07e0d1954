"""What keeps a schedule's runs from even comparing (a broken manifest, no credentials) is said three times,
not at every turn.
"""

from __future__ import annotations

import importlib
import json
import shutil
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from invoke import Program

from build.rebuild import due as rebuilder
from build.rebuild.due import RebuildDecision
from build.rebuild.failures import PAUSE
from tasks import namespace
from tests.unit.commands.test_rebuild import TINY, Parameters

BROKEN, OTHERWISE = "nonsense: 1\n", "image: [3]\n"
SAID_THREE_TIMES = [True, True, True, False, False]


class Schedule:
    """A manifest, and the runs of its schedule."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        shutil.copytree(TINY.parent, folder)
        self.manifest = folder / "manifest.yaml"
        self._fine = self.manifest.read_text()
        self._capsys = capsys
        self.said = ""

    def run(self, *arguments: str, command: str = "rebuild") -> int:
        """Its exit code; what it said is kept."""
        status = 0
        try:
            Program(namespace=namespace).run(
                ["invoke", command, "--manifest", str(self.manifest), *arguments]
            )
        except SystemExit as exc:
            status = int(exc.code or 0)
        self.said = self._capsys.readouterr().err
        return status

    def turns(self, words: str, *arguments: str, times: int = 5) -> list[bool]:
        """At which of so many turns these words were an error."""
        errors = []
        for _ in range(times):
            status = self.run("--scheduled", *arguments)
            errors.append("error: " in self.said and words in self.said and status != 0)
            assert errors[-1] or status == 0
        return errors

    def broken(self, text: str = BROKEN) -> None:
        self.manifest.write_text(self._fine + text)

    def mended(self) -> None:
        self.manifest.write_text(self._fine)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CI", "JOURNAL_STREAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def parameters(monkeypatch: pytest.MonkeyPatch) -> Parameters:
    """A cloud in which nothing has changed."""
    found = Parameters()
    monkeypatch.setattr(
        importlib.import_module("build.commands.rebuild"), "connect_to", lambda *_, **__: found
    )
    monkeypatch.setattr(
        rebuilder, "decide", lambda *_: RebuildDecision("ami-old", (), aged=False, inputs="x")
    )
    monkeypatch.setattr("build.images.sweep.find", lambda *_, **__: [])
    return found


@pytest.fixture
def schedule(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], parameters: Parameters
) -> Schedule:
    return Schedule(tmp_path / "tiny", capsys)


def test_a_broken_manifest(schedule: Schedule, state: Path) -> None:
    schedule.broken()
    assert schedule.turns("nonsense", times=2) == [True, True]
    assert schedule.run("--scheduled") == 2
    assert "this is the 3rd failure in a row, since" in schedule.said
    assert "a schedule tries again after 6 days, or when something has changed" in schedule.said
    assert "1 problem found" in schedule.said
    assert schedule.run("--scheduled") == 0
    assert schedule.said == ""
    log = (state / "rebuild.log").read_text()
    assert log.count("nonsense: unknown key") >= 2
    assert "not tried: failed 3 times since" in log


def test_it_is_said_by_hand_and_said_again_when_it_is_broken_in_another_way(schedule: Schedule) -> None:
    schedule.broken()
    assert schedule.turns("nonsense") == SAID_THREE_TIMES
    assert schedule.run() == 2
    assert "nonsense" in schedule.said
    schedule.broken(OTHERWISE)
    assert schedule.turns("image", times=2) == [True, False]


def test_a_mended_one_ends_the_row(schedule: Schedule) -> None:
    for _ in range(2):
        schedule.broken()
        assert schedule.turns("nonsense", times=2) == [True, True]
        schedule.mended()
        assert schedule.run("--scheduled") == 0


def test_after_six_days_it_is_said_again(schedule: Schedule, state: Path) -> None:
    schedule.broken()
    assert schedule.turns("nonsense") == SAID_THREE_TIMES
    (memory,) = state.glob("rebuild-*.failures")
    kept = json.loads(memory.read_text())
    assert kept["failures"] == 3
    long_ago = datetime.now(timezone.utc) - PAUSE
    memory.write_text(json.dumps({**kept, "tried": long_ago.isoformat()}))
    assert schedule.turns("nonsense", times=2) == [True, False]


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (NoCredentialsError(), "no usable AWS credentials"),
        (
            ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "GetCallerIdentity"),
            "ExpiredToken",
        ),
    ],
    ids=["none", "expired"],
)
@pytest.mark.parametrize("mode", [(), ("--check",)], ids=["rebuild", "check"])
def test_credentials_that_are_missing(
    schedule: Schedule, monkeypatch: pytest.MonkeyPatch, problem: Exception, words: str, mode: tuple[str, ...]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr(importlib.import_module("build.commands.rebuild"), "connect_to", refuse)
    assert schedule.turns(words, *mode) == SAID_THREE_TIMES


def test_a_failure_told_with_other_numbers_is_the_same(
    schedule: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = iter(range(40000, 40010))

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError(f"port {next(ports)} does not answer")

    monkeypatch.setattr(importlib.import_module("build.commands.rebuild"), "connect_to", refuse)
    assert schedule.turns("does not answer") == SAID_THREE_TIMES


def test_schedules_are_counted_apart(schedule: Schedule) -> None:
    schedule.broken()
    assert schedule.turns("nonsense") == SAID_THREE_TIMES
    assert schedule.turns("nonsense", "--set", "image.description=other") == SAID_THREE_TIMES
    assert schedule.turns("nonsense", "--check") == SAID_THREE_TIMES


def test_what_runs_behind_it_is_silent_when_it_is(schedule: Schedule) -> None:
    schedule.broken()
    prune = ("--yes", "--scheduled")
    assert schedule.turns("nonsense", times=2) == [True, True]
    assert schedule.run(*prune, command="prune") == 2
    assert schedule.turns("nonsense", times=2) == [True, False]
    assert schedule.run(*prune, command="prune") == 0
    assert "error" not in schedule.said
    assert schedule.run("--yes", command="prune") == 2  # by hand


def test_a_runner_that_keeps_no_files_counts_beside_the_image(
    schedule: Schedule, parameters: Parameters, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def connect(cloud: object) -> Parameters:
        asked.append(cloud)
        return parameters

    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr("build.aws.session.connect", connect)
    schedule.broken()
    said = []
    for _ in range(5):
        said.append(schedule.turns("nonsense", "--cloud", "aws", "--set", "region=eu-west-1", times=1)[0])
        shutil.rmtree(state)
    assert said == SAID_THREE_TIMES
    assert (asked[0].name, asked[0].region) == ("aws", "eu-west-1")
    assert parameters.failures == 3
    assert (
        schedule.run("--yes", "--scheduled", "--cloud", "aws", "--set", "region=eu-west-1", command="prune")
        == 0
    )
    schedule.mended()
    assert schedule.run("--scheduled", "--cloud", "aws", "--set", "region=eu-west-1") == 0
    assert parameters.failures == 0
