"""Times of a week, as people write them: "Mon 03:00", "Mon,Thu 03:00", "Mon-Fri 22:30" or "daily 03:00"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from build.errors import UserError

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HINT = 'such as "Mon 03:00", "Mon,Thu 03:00", "Mon-Fri 22:30" or "daily 03:00"'


@dataclass(frozen=True)
class WeeklyTime:
    """Days (0 is Monday; all seven: daily) and a time of day."""

    days: tuple[int, ...]
    hour: int
    minute: int

    @classmethod
    def parse(cls, text: str, option: str = "--every") -> WeeklyTime:
        """Raises UserError, which names the option, for what is no such time."""
        found = re.fullmatch(r"\s*(?P<days>[A-Za-z,.\-]+)\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})\s*", text)
        if not found or int(found["hour"]) > 23 or int(found["minute"]) > 59:
            raise UserError(f"{option} {text}: not a time of the week", hint=_HINT)
        return cls(_days(found["days"], text, option), int(found["hour"]), int(found["minute"]))

    @property
    def daily(self) -> bool:
        """Whether it is every day."""
        return len(self.days) == len(DAYS)

    @property
    def systemd(self) -> str:
        """For OnCalendar=."""
        days = "" if self.daily else ",".join(DAYS[day] for day in self.days) + " "
        return f"{days}*-*-* {self.hour:02}:{self.minute:02}:00"

    @property
    def cron(self) -> str:
        """The five fields of a crontab; Sunday is 0 there."""
        days = (
            "*"
            if self.daily
            else ",".join(str(number) for number in sorted((day + 1) % 7 for day in self.days))
        )
        return f"{self.minute} {self.hour} * * {days}"

    @property
    def eventbridge(self) -> str:
        """EventBridge's six fields, which know a ? for the one of two days that is not said."""
        days = "*" if self.daily else ",".join(DAYS[day].upper() for day in self.days)
        return f"cron({self.minute} {self.hour} ? * {days} *)"

    def last(self, now: datetime) -> datetime:
        """The newest such time that is not after ``now``."""
        at = now.replace(hour=self.hour, minute=self.minute, second=0, microsecond=0)
        while at > now or at.weekday() not in self.days:
            at -= timedelta(days=1)
        return at

    def __str__(self) -> str:
        days = "daily" if self.daily else ",".join(DAYS[day] for day in self.days)
        return f"{days} {self.hour:02}:{self.minute:02}"


def _days(words: str, text: str, option: str) -> tuple[int, ...]:
    if words.lower() == "daily":
        return tuple(range(len(DAYS)))
    days: set[int] = set()
    for part in words.split(","):
        first, _, last = part.replace("..", "-").partition("-")
        begin, end = _day(first, text, option), _day(last or first, text, option)
        days |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return tuple(sorted(days))


def _day(word: str, text: str, option: str) -> int:
    for number, day in enumerate(DAYS):
        if word.lower()[:3] == day.lower() and len(word) >= 3:
            return number
    raise UserError(f"{option} {text}: there is no day {word!r}", hint=_HINT)
