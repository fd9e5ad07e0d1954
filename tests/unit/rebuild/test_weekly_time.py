"""Times of a week mean the same to everybody who keeps them."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.errors import UserError
from build.rebuild.schedule.weekly_time import DAYS, WeeklyTime

times = st.builds(
    WeeklyTime,
    st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    st.integers(0, 23),
    st.integers(0, 59),
)


@pytest.mark.parametrize(
    ("text", "systemd", "cron", "eventbridge"),
    [
        ("Mon 03:00", "Mon *-*-* 03:00:00", "0 3 * * 1", "cron(0 3 ? * MON *)"),
        ("monday,Thu 3:05", "Mon,Thu *-*-* 03:05:00", "5 3 * * 1,4", "cron(5 3 ? * MON,THU *)"),
        (
            "Fri-Mon 22:30",
            "Mon,Fri,Sat,Sun *-*-* 22:30:00",
            "30 22 * * 0,1,5,6",
            "cron(30 22 ? * MON,FRI,SAT,SUN *)",
        ),
        ("daily 00:00", "*-*-* 00:00:00", "0 0 * * *", "cron(0 0 ? * * *)"),
    ],
)
def test_each_in_its_own_words(text: str, systemd: str, cron: str, eventbridge: str) -> None:
    when = WeeklyTime.parse(text)
    assert (when.systemd, when.cron, when.eventbridge) == (systemd, cron, eventbridge)


@pytest.mark.parametrize(
    "text",
    ["", "Mon", "03:00", "Mon 24:00", "Mon 03:60", "Moo 03:00", "Mon 03:00 UTC", "Mo 03:00", "Mon, 03:00"],
)
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UserError) as refused:
        WeeklyTime.parse(text)
    assert "Mon 03:00" in (refused.value.hint or "")
    with pytest.raises(UserError, match=f"^--catch-up {re.escape(text)}: "):
        WeeklyTime.parse(text, "--catch-up")


@given(times)
def test_what_is_said_can_be_read_again(when: WeeklyTime) -> None:
    assert WeeklyTime.parse(str(when)) == when


@given(times, st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)))
def test_the_last_time_is_the_newest_that_matches(when: WeeklyTime, now: datetime) -> None:
    last = when.last(now)
    assert last <= now
    assert (last.hour, last.minute) == (when.hour, when.minute)
    assert last.weekday() in when.days
    between = [last + timedelta(days=days) for days in range(1, 8)]
    assert not any(day.weekday() in when.days and day <= now for day in between)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
@pytest.mark.parametrize("text", ["Mon 03:00", "Mon,Thu 03:05", "Fri-Mon 22:30", "daily 00:00"])
def test_systemd_reads_it_as_we_do(text: str) -> None:
    when, now = WeeklyTime.parse(text), datetime(2026, 11, 25, 12, 0)
    command = [
        "systemd-analyze",
        "calendar",
        "--iterations=7",
        f"--base-time={now:%Y-%m-%d %H:%M:%S}",
        when.systemd,
    ]
    said = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"}
    ).stdout
    begin = ("Next elapse", "Iter")  # "Iter. #2", and "Iteration #2" from systemd 257 on
    found = [line.split(": ", 1)[1].split() for line in said.splitlines() if line.strip().startswith(begin)]
    assert len(found) == 7
    assert {words[0] for words in found} == {DAYS[day] for day in when.days}
    assert {words[2] for words in found} == {f"{when.hour:02}:{when.minute:02}:00"}
