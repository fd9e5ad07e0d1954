"""What is swept: what no live build owns, and of a schedule's sweep only what has expired."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from build.aws import tags
from build.bake import run
from build.images import sweep
from build.manifest import Builder

PAST, FUTURE = (datetime.now(timezone.utc) + timedelta(hours=hours) for hours in (-1, 1))
OTHER = "run-20260101-000000-0000"


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A run of this machine that has ended."""
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    with run.start(Builder()) as made:
        pass
    return made.id


def account(*volumes: tuple[str, datetime]) -> Any:
    """Clients of an account with a volume for each run and expiry that are given, vol-0, vol-1, …"""
    found = [
        {
            "VolumeId": f"vol-{number}",
            "Tags": tags.as_list({tags.RUN: run_id, tags.EXPIRES: expires.isoformat()}),
        }
        for number, (run_id, expires) in enumerate(volumes)
    ]
    ec2 = SimpleNamespace(
        describe_instances=lambda **_: {"Reservations": []},
        describe_volumes=lambda **_: {"Volumes": found},
        describe_images=lambda **_: {"Images": []},
        describe_snapshots=lambda **_: {"Snapshots": []},
        describe_security_groups=lambda **_: {"SecurityGroups": []},
    )
    return SimpleNamespace(ec2=ec2)


def ids(clients: Any, **options: Any) -> list[str]:
    return [leftover.id for leftover in sweep.find(clients, **options)]


def test_what_has_ended_here_and_what_has_expired_elsewhere(ours: str) -> None:
    clients = account((ours, FUTURE), (OTHER, FUTURE), (OTHER, PAST))
    assert ids(clients) == ["vol-0", "vol-2"]


def test_a_schedule_leaves_alone_what_somebody_may_be_looking_into(ours: str) -> None:
    clients = account((ours, FUTURE), (ours, PAST), (OTHER, FUTURE), (OTHER, PAST))
    assert ids(clients, expired_only=True) == ["vol-1", "vol-3"]


@pytest.mark.parametrize("expired_only", [False, True])
def test_a_live_build_of_this_machine_keeps_what_it_has(ours: str, *, expired_only: bool) -> None:
    with run.start(Builder()) as living:
        assert ids(account((living.id, PAST)), expired_only=expired_only) == []
