"""Three failures in a row, then a pause, which a change ends."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from build.errors import UserError
from build.rebuild.due import age_limit, in_words
from build.rebuild.failures import PAUSE, FailureRecord, SsmStore

MONDAY = datetime(2026, 11, 23, 3, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def failed(times: int, inputs: str = "same") -> FailureRecord:
    attempts = FailureRecord()
    for day in range(times):
        attempts = attempts.failed("no capacity\nmore", inputs, MONDAY + day * DAY)
    return attempts


@pytest.mark.parametrize("times", [0, 1, 2])
def test_fewer_than_three_are_tried_again_at_the_next_turn(times: int) -> None:
    assert failed(times).pause("same", MONDAY + times * DAY) is None


def test_the_third_is_not_repeated_at_every_turn_but_goes_on_weekly() -> None:
    attempts, third = failed(3), MONDAY + 2 * DAY
    words = attempts.pause("same", third + DAY) or ""
    assert "failed 3 times since 2026-11-23T03:00" in words
    assert "(no capacity)" in words
    assert "next try after 2026-12-01 03:00 UTC" in words
    assert attempts.pause("same", third + PAUSE - timedelta(seconds=1)) is not None
    assert attempts.pause("same", third + PAUSE) is None
    assert timedelta(days=7) > PAUSE  # a weekly schedule is not to skip every other week


def test_a_change_ends_the_pause() -> None:
    assert failed(5).pause("other", MONDAY + 5 * DAY) is None


@pytest.mark.parametrize(
    ("text", "age"),
    [("12h", timedelta(hours=12)), ("7d", timedelta(days=7)), ("2w", timedelta(weeks=2)), ("", None)],
)
def test_an_age(text: str, age: timedelta | None) -> None:
    assert age_limit(text) == age


@pytest.mark.parametrize("text", ["7", "d", "-1d", "7 d", "7days", "1.5d", "99999d"])
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(UserError):
        age_limit(text)


def test_ages_in_words() -> None:
    assert [in_words(timedelta(hours=hours)) for hours in (1, 5, 24, 50)] == [
        "1 hour",
        "5 hours",
        "1 day",
        "2 days",
    ]


def test_a_failure_in_ssm_fits_and_is_read_as_it_was() -> None:
    kept: dict[str, str] = {}
    ssm = SimpleNamespace(
        put_parameter=lambda **asked: kept.update({asked["Name"]: asked["Value"]}),
        get_parameter=lambda Name: {"Parameter": {"Value": kept[Name]}},
    )
    clients: Any = SimpleNamespace(ssm=ssm)
    store = SsmStore(clients, "example")
    store.write(FailureRecord(3, "since", "tried", "inputs", "no {{ssm:disk}}"))
    assert store.read().error == "no {{ssm:disk}}"
    assert "{{" not in kept["/hubsmith/example/rebuild"]
    store.write(FailureRecord(3, "since", "tried", "inputs", "\x00" * 1000))
    assert len(kept["/hubsmith/example/rebuild"].encode()) <= 4096
    assert store.read().failures == 3
