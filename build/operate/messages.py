"""What `invoke tell` says to a hub's users: the message, its times, and the list of what is said now."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from build.errors import UserError
from build.image_contract import TELL_PROGRAM
from build.operate import user_list

COLUMNS = ("for", "until", "servers stop", "message")
LONGEST = 500
"""Characters of one message, as the machine has it (hubsmith_hub/messages.py)."""
TIMES = "30m, 2h, 1d, 18:00 or 2026-12-24T18:00"
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_MOST_DAYS = 366


@dataclass(frozen=True)
class Telling:
    """A message for some users, or for everybody. Times are seconds of the epoch."""

    text: str
    users: tuple[str, ...] = ()
    until: float | None = None
    stop_at: float | None = None

    @classmethod
    def wanted(cls, text: str, users: Iterable[str], until: str, stop_at: str) -> Telling:
        """From the options. Raises UserError for a text, name or time that cannot be used."""
        stripped = text.strip()
        if len(stripped) > LONGEST:
            raise UserError(f"--text has {len(stripped)} characters, and may have {LONGEST}")
        if not all(letter.isprintable() or letter == "\n" for letter in stripped):
            raise UserError("--text has characters that cannot be shown")
        if text and not stripped:
            raise UserError("--text is empty")
        return cls(stripped, names(users), _time("--until", until), _time("--stop-at", stop_at))

    def line(self) -> str:
        """The command line on the machine, which reads the text from its standard input."""
        options = [*_for(self.users)]
        if self.until is not None:
            options += ["--until", f"{self.until:.0f}"]
        if self.stop_at is not None:
            options += ["--stop-at", f"{self.stop_at:.0f}"]
        return shlex.join([TELL_PROGRAM, "add", *options])


def clear_line(users: Iterable[str]) -> str:
    """The command line on the machine that takes back all messages, or those for these users."""
    return shlex.join([TELL_PROGRAM, "clear", *_for(names(users))])


def names(users: Iterable[str]) -> tuple[str, ...]:
    """Each once. Raises UserError for a name that no user can have."""
    given = tuple(dict.fromkeys(users))
    for name in given:
        if complaint := user_list.problem(name):
            raise UserError(f"--user {name}: {complaint}")
    return given


def cells(row: Mapping[str, Any]) -> Sequence[str]:
    """One row of what the machine lists."""
    return (
        str(row["user"] or "everyone"),
        _local(row["until"]),
        _local(row["stop_at"]),
        " ".join(str(row["text"]).split()),
    )


def at(text: str, now: datetime) -> datetime | None:
    """The time that TIMES describes, in the time zone of ``now``; None for any other text."""
    if found := re.fullmatch(r"([1-9]\d{0,5})([mhd])", text):
        return now + timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        if re.fullmatch(r"\d\d?:\d\d", text):
            hour, minute = map(int, text.split(":"))
            today = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
            return today if today > now else today + timedelta(days=1)
        if re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", text):
            # An offset of that day: it may be in another half of the year.
            return datetime.fromisoformat(text).astimezone()
    except ValueError:
        pass
    return None


def _time(option: str, text: str) -> float | None:
    if not text:
        return None
    now = datetime.now().astimezone()
    when = at(text, now)
    if when is None:
        raise UserError(f"{option} {text}: should be a time such as {TIMES}")
    if when <= now:
        raise UserError(f"{option} {text}: this time has passed")
    if when - now > timedelta(days=_MOST_DAYS):
        raise UserError(f"{option} {text}: should be within a year")
    return when.timestamp()


def _for(users: Iterable[str]) -> list[str]:
    return [word for name in users for word in ("--user", name)]


def _local(seconds: float | None) -> str:
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M}"
