"""The one function that waits."""

from __future__ import annotations

import time

import pytest

from build.aws.wait import wait_until
from build.errors import CloudError


def test_it_returns_what_was_seen_and_tells_what_it_waits_for() -> None:
    states = iter(["pending", "pending", "running"])
    told: list[str] = []
    seen = wait_until(
        lambda: next(states),
        lambda s: s == "running",
        what="i-1",
        timeout_s=5,
        on_wait=told.append,
        interval_s=0.001,
    )
    assert seen == "running"
    assert told == ["i-1: pending", "i-1: pending"]


def test_giving_up_names_the_last_state() -> None:
    with pytest.raises(CloudError, match=r"i-1 took longer than 0 s; last seen: pending"):
        wait_until(lambda: "pending", lambda s: s == "running", what="i-1", timeout_s=0.05, interval_s=0.01)


def test_a_state_without_a_way_back_ends_it_at_once() -> None:
    def look() -> str:
        raise CloudError("i-1 ended: no capacity")

    with pytest.raises(CloudError, match="no capacity"):
        wait_until(look, bool, what="i-1", timeout_s=60)


def test_what_has_happened_in_a_second_is_not_noticed_late() -> None:
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 0.1, bool, what="i-1", timeout_s=60, interval_s=5)
    assert time.monotonic() - began < 10


def test_what_takes_long_is_not_asked_for_often() -> None:
    looks = []
    with pytest.raises(CloudError):
        wait_until(lambda: looks.append(1), bool, what="i-1", timeout_s=2.5, interval_s=0.5)
    assert len(looks) <= 7
