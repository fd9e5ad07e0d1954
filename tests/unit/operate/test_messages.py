"""`invoke tell`: texts, names and times that are taken and refused, and the lines that the machine gets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from invoke import Context, Exit

from build.commands import tell as command
from build.errors import UserError
from build.operate import messages, ssh

NOW = datetime(2026, 12, 24, 17, 0, 30, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("18:00", timedelta(minutes=59, seconds=30)),
        ("9:05", timedelta(hours=16, minutes=4, seconds=30)),
        ("17:00", timedelta(hours=23, minutes=59, seconds=30)),
    ],
)
def test_times(text: str, after: timedelta) -> None:
    assert messages.at(text, NOW) == NOW + after


@pytest.mark.parametrize("text", ["2026-12-24T18:00", "2026-12-24 18:00"])
def test_dates_are_of_this_computers_time_zone(text: str) -> None:
    assert messages.at(text, NOW) == datetime(2026, 12, 24, 18, 0).astimezone()


@pytest.mark.parametrize(
    "text",
    ["", "30", "0m", "-1h", "24:00", "12:60", "2026-13-01T00:00", "2026-12-24", "soon", "1w", "1" * 9 + "d"],
)
def test_other_times_are_refused(text: str) -> None:
    assert messages.at(text, NOW) is None


@pytest.mark.parametrize(
    ("text", "users", "until", "stop_at", "complaint"),
    [
        ("x" * 501, (), "", "", "--text has 501 characters, and may have 500"),
        (" \n", (), "", "", "--text is empty"),
        ("a\x1b[2J", (), "", "", "--text has characters that cannot be shown"),
        ("x", ("Ada!",), "", "", "--user Ada!: "),
        ("x", (), "soon", "", "--until soon: should be a time such as 30m"),
        ("x", (), "", "2020-01-01T00:00", "--stop-at 2020-01-01T00:00: this time has passed"),
        ("x", (), "400d", "", "--until 400d: should be within a year"),
        ("x", (), "999999d", "", "--until 999999d: should be within a year"),
    ],
)
def test_what_cannot_be_told(
    text: str, users: tuple[str, ...], until: str, stop_at: str, complaint: str
) -> None:
    with pytest.raises(UserError) as caught:
        messages.Telling.wanted(text, users, until, stop_at)
    assert str(caught.value).startswith(complaint)


def test_the_machine_gets_names_and_times() -> None:
    telling = messages.Telling("x", ("ada", "b@x"), until=1000.4, stop_at=2000.0)
    assert telling.line() == ("/usr/lib/hubsmith/tell add --user ada --user b@x --until 1000 --stop-at 2000")
    assert messages.clear_line(["ada", "ada"]) == "/usr/lib/hubsmith/tell clear --user ada"
    assert messages.clear_line([]) == "/usr/lib/hubsmith/tell clear"


def test_rows_are_one_line_each() -> None:
    row = {"user": None, "until": None, "stop_at": 0.0, "text": "a\nb"}
    who, until, stop, text = messages.cells(row)
    assert (who, until, text) == ("everyone", "", "a b")
    assert stop.startswith("19")


class Session:
    """Of a machine whose image has the program."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def require(self, what: str) -> None:
        assert what == "tell"

    def run(self, line: str, *, data: str = "") -> str:
        self.lines.append((line, data))
        return "2\n" if " clear" in line else "[]"


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    one = Session()

    @contextmanager
    def ssh_session(*_: object) -> Iterator[Session]:
        yield one

    monkeypatch.setattr(ssh, "ssh_session", ssh_session)
    monkeypatch.setattr(command, "connect_to", lambda *_: SimpleNamespace())
    return one


def tell(**options: Any) -> None:
    command.tell(
        Context(),
        **{"manifest": "manifest.yaml", "cloud": "", "profile": None, "set": None},
        domain="hub.example.test",
        **options,
    )


def test_a_text_goes_through_standard_input_whatever_is_in_it(session: Session) -> None:
    tell(text="$(reboot) 'x'")
    assert session.lines == [
        ("/usr/lib/hubsmith/tell add", "$(reboot) 'x'"),
        ("/usr/lib/hubsmith/tell list", ""),
    ]


def test_a_stop_needs_no_text(session: Session) -> None:
    tell(stop_at="30m")
    line, data = session.lines[0]
    assert line.startswith("/usr/lib/hubsmith/tell add --stop-at ")
    assert data == ""


def test_messages_are_taken_back_and_listed(session: Session, capfd: pytest.CaptureFixture[str]) -> None:
    tell(clear=True, user=["ada"], json=True)
    assert [line for line, _ in session.lines] == [
        "/usr/lib/hubsmith/tell clear --user ada",
        "/usr/lib/hubsmith/tell list",
    ]
    tell()
    assert [line for line, _ in session.lines[2:]] == ["/usr/lib/hubsmith/tell list"]


@pytest.mark.parametrize(
    "options",
    [{"clear": True, "text": "x"}, {"clear": True, "until": "30m"}, {"until": "30m"}, {"user": ["ada"]}],
)
def test_options_that_do_not_go_together(session: Session, options: dict[str, Any]) -> None:
    with pytest.raises(Exit) as caught:
        tell(**options)
    assert caught.value.code == 2
    assert session.lines == []
