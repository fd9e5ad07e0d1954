"""invoke rebuild: nothing when nothing changed, and otherwise for a reason that is said."""

from __future__ import annotations

import json
import time

import pytest

from tests.cloud.project import Project

pytestmark = pytest.mark.vm


@pytest.fixture
def project(layered: Project) -> Project:
    return layered


@pytest.fixture
def first(cold: str) -> str:
    return cold


def launched(project: Project) -> int:
    """Instances the cloud ever listed."""
    return len(project.runner.client("ec2").describe_instances()["Reservations"])


def test_nothing_changed_is_said_in_seconds_and_launches_nothing(project: Project, first: str) -> None:
    before, seconds = launched(project), []
    for _ in range(3):
        started = time.monotonic()
        done = project.invoke("rebuild")
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 5
    assert (done.status, done.out.strip()) == (0, first)
    assert f"nothing changed: {first} is up to date" in done.err
    assert launched(project) == before
    assert project.json("rebuild", "--check") == {
        "built": False,
        "image_id": first,
        "reasons": [],
        "stale": False,
    }


def test_what_changed_is_said_and_only_check_exits_with_3(project: Project, first: str) -> None:
    project.edit("provisioners/greeting/install.sh", "cp ", "cp  ")
    (project.folder / "provisioners/greeting/files/etc/new").write_text("new\n")
    told = project.json("rebuild", "--check", "--set", "image.description=other", status=3)
    assert told["reasons"] == [
        "image.description changed",
        "provisioners/greeting/files/etc/new is new",
        "provisioners/greeting/install.sh changed",
    ]
    project.edit("provisioners/greeting/install.sh", "cp  ", "cp ")
    (project.folder / "provisioners/greeting/files/etc/new").unlink()


def test_values_and_what_is_gone_have_names_where_the_record_is(project: Project, first: str) -> None:
    spare = project.folder / "provisioners/greeting/files/etc/greeting/spare"
    spare.rename(project.folder / "spare")
    other_words = "provisioners=[{name: greeting, variables: {whom: you}}]"
    reasons = project.json("rebuild", "--check", "--set", other_words, status=3)
    record = project.runner.state / "records" / f"{first}.json"
    record.rename(record.with_suffix(".away"))
    elsewhere = project.json("rebuild", "--check", status=3)
    record.with_suffix(".away").rename(record)
    (project.folder / "spare").rename(spare)
    assert "provisioners/greeting/files/etc/greeting/spare is gone" in reasons["reasons"]
    assert "variable whom of greeting changed: world → you" in reasons["reasons"]
    assert elsewhere["reasons"] == ["provisioner greeting changed", "1 part(s) of greeting are gone"]


def test_age_is_a_reason(project: Project, first: str) -> None:
    assert project.invoke("rebuild", "--check", "--max-age", "1h").status == 0
    aged = project.invoke("rebuild", "--check", "--max-age", "0d")
    assert aged.status == 3
    assert "due: its packages are of " in aged.err
    wrong = project.invoke("rebuild", "--max-age", "soon")
    assert wrong.status == 2
    assert "12h, 7d, 2w" in wrong.err


def test_two_rebuilds_do_not_overlap(project: Project, first: str) -> None:
    slow = project.start("rebuild", "--profile", "hanging")
    slow.wait_for("hanging now")
    other = project.invoke("rebuild", "--profile", "failing")
    assert other.status == 0
    assert "another rebuild of renewed is running" in other.err
    assert slow.stop() == 1


def test_three_failures_are_said_once_and_not_repeated_at_every_turn(project: Project, first: str) -> None:
    # Refused in the preflight, so that nothing has to boot.
    arguments = (
        "--scheduled",
        "--set",
        "builder.root_volume.encrypted=false",
        "--set",
        "builder.instance_types=[x9.nano]",
    )
    said = [project.invoke("rebuild", *arguments) for _ in range(3)]
    assert [done.status for done in said] == [2, 2, 2]
    assert ["failure in a row" in done.err for done in said] == [False, False, True]
    assert "x9.nano not offered" in said[2].err
    paused = project.invoke("rebuild", *arguments)
    assert (paused.status, paused.out, paused.err) == (0, "", "")
    assert "not tried: failed 3 times" in (project.runner.state / "rebuild.log").read_text()
    (project.folder / "provisioners/greeting/files/etc/new").write_text("a change\n")
    assert project.invoke("rebuild", *arguments).status == 2
    parameter = project.runner.client("ssm").get_parameter(Name="/hubsmith/renewed/rebuild")["Parameter"][
        "Value"
    ]
    assert json.loads(parameter)["failures"] == 4
