"""A run: when nobody can still be using what it has made."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from build.aws import tags
from build.bake import run
from build.manifest import Builder

BUILDER = Builder.model_validate(
    {"lifetime_minutes": 30, "timeouts": {"running_s": 60, "stop_s": 120, "image_s": 600}}
)


def test_a_run_expires_when_its_last_instance_has_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The builder ends after 30 minutes; a fresh instance of its image is launched when that is made."""
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    with run.start(BUILDER) as made:
        builder_is_stopped = timedelta(minutes=1 + 30 + 2)
        image_is_there = builder_is_stopped + timedelta(minutes=10)
        candidate_has_ended = image_is_there + timedelta(minutes=1 + 30)
        assert made.expires - made.started == candidate_has_ended
        assert made.tags[tags.EXPIRES] == made.expires.isoformat(timespec="seconds")


def test_it_lives_until_it_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    with run.start(BUILDER) as made:
        assert run.is_alive(made.id)
    assert not run.is_alive(made.id)
