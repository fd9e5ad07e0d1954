"""Messages of the operator on the hub: who can read them, and what the hub's pages say."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import jinja2
import pytest

from build.operate import messages as of_command
from tests.conftest import REPO

HUBSMITH = REPO / "provisioners/jupyterhub/files/usr/lib/hubsmith"
TEMPLATE = HUBSMITH / "hub/hubsmith_hub/templates/page.html"


class Accounts:
    """As pwd: ada and bob, each with a group of their own, and two who share one."""

    struct_passwd = object

    def __init__(self) -> None:
        rows = [("root", 0, 0), ("ada", os.geteuid() or 2000, 3000), ("bob", 2001, 2001)]
        rows += [("eve", 2002, 100), ("tom", 2003, 100)]
        self.all = [SimpleNamespace(pw_name=name, pw_uid=uid, pw_gid=gid) for name, uid, gid in rows]

    def getpwall(self) -> list[Any]:
        return self.all

    def getpwnam(self, name: str) -> Any:
        return (
            next(iter([one for one in self.all if one.pw_name == name])) if name in self.names else self._no()
        )

    @property
    def names(self) -> set[str]:
        return {one.pw_name for one in self.all}

    def _no(self) -> None:
        raise KeyError("no such account")


@pytest.fixture
def messages(
    program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> ModuleType:
    module = program("hubsmith_hub.messages")
    monkeypatch.setattr(module, "FOLDER", tmp_path / "messages")
    monkeypatch.setattr(module, "pwd", Accounts())
    monkeypatch.setattr(module, "grp", SimpleNamespace(getgrgid=lambda _: SimpleNamespace(gr_mem=[])))
    owners: dict[str, tuple[int, int]] = {}
    monkeypatch.setattr(module, "owners", owners, raising=False)
    monkeypatch.setattr(module.os, "fchown", lambda _, uid, gid: owners.update(last=(uid, gid)))
    return module


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_message_for_one_user_is_for_that_user_and_root(messages: ModuleType) -> None:
    messages.add(["bob"], "for bob")
    assert messages.owners["last"] == (0, 2001)
    assert mode(messages.FOLDER / "2001.json") == 0o640
    assert mode(messages.FOLDER) == 0o711
    assert messages.users() == ["bob"]


def test_everybody_can_read_what_everybody_is_told(messages: ModuleType) -> None:
    messages.add([None], "for all")
    assert mode(messages.FOLDER / "everyone.json") == 0o644


def test_nobody_is_told_anything_where_one_cannot_be(messages: ModuleType) -> None:
    with pytest.raises(ValueError, match="shares the group 100"):
        messages.add(["bob", "eve"], "for two")
    assert messages.users() == []


def test_servers_read_what_the_hub_writes(messages: ModuleType, program: Callable[[str], ModuleType]) -> None:
    told = program("hubsmith_server.told")
    assert str(told.FOLDER) == "/run/hubsmith-messages"
    stop = time.time() + 3600
    messages.add([None], "", None, stop)
    messages.add([None], "für alle\nzweite Zeile", time.time() + 60)
    assert [(each.text, each.stop_at) for each in told.messages(messages.FOLDER)] == [
        ("", stop),
        ("für alle\nzweite Zeile", None),
    ]


def test_messages_end_and_are_taken_back(messages: ModuleType) -> None:
    messages.add([None], "over", time.time() - 1)
    messages.add([None], "lasting")
    assert [each.text for each in messages.read(None)] == ["lasting"]
    assert messages.clear(None) == 1
    assert messages.read(None) == []
    assert messages.clear(None) == 0


def test_the_number_of_messages_has_a_limit(messages: ModuleType) -> None:
    for number in range(messages.MOST):
        messages.add([None], str(number))
    with pytest.raises(ValueError, match="clear them first"):
        messages.add([None], "more")


@pytest.mark.parametrize("text", ["", "x" * 501, "a\x1b[2J", "a\u202eb", "a\tb"])
def test_what_cannot_be_told(messages: ModuleType, text: str) -> None:
    with pytest.raises(ValueError, match="the message"):
        messages.add([None], text)
    assert not messages.FOLDER.exists()


def test_the_command_knows_the_same_limit(messages: ModuleType) -> None:
    assert messages.LONGEST == of_command.LONGEST


@pytest.fixture
def tell(
    messages: ModuleType,
    program: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str]]:
    """A function from the program's arguments, and a text, to its status and what it prints."""
    program("hubsmith_hub.userdb")
    loader = SourceFileLoader("hubsmith_tell", str(HUBSMITH / "tell"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    monkeypatch.setattr(module, "messages", messages)
    monkeypatch.setattr(module, "pwd", messages.pwd)

    def run(*arguments: str, text: str = "") -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["tell", *arguments])
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        status = module.main()
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run


def test_the_program_tells_lists_and_takes_back(tell: Callable[..., tuple[int, str]]) -> None:
    later = f"{time.time() + 600:.0f}"
    assert tell("add", "--until", later, text="Lunch\n") == (0, "")
    assert tell("add", "--user", "bob", "--stop-at", later, text="") == (0, "")
    status, printed = tell("list")
    rows = json.loads(printed)
    assert status == 0
    assert [(row["user"], row["text"], row["until"], row["stop_at"]) for row in rows] == [
        (None, "Lunch", float(later), None),
        ("bob", "", float(later), float(later)),
    ]
    assert tell("clear", "--user", "bob") == (0, "1\n")
    assert tell("clear") == (0, "1\n")


@pytest.mark.parametrize("name", ["nobody-of-that-name", "root"])
def test_the_program_refuses_who_is_no_user(tell: Callable[..., tuple[int, str]], name: str) -> None:
    assert tell("add", "--user", name, text="x") == (2, f"tell: there is no user {name}\n")


@pytest.fixture
def notices(program: Callable[[str], ModuleType], messages: ModuleType) -> ModuleType:
    return program("hubsmith_hub.notices")


def user(name: str, **states: dict[str, str] | None) -> Any:
    servers = {server.strip("_"): SimpleNamespace(state=state) for server, state in states.items()}
    return SimpleNamespace(name=name, orm_spawners=servers)


def test_a_visitor_sees_what_everybody_is_told_and_a_user_also_their_own(
    messages: ModuleType, notices: ModuleType
) -> None:
    messages.add([None], "for all")
    messages.add(["bob"], "for bob")
    assert notices.for_page(None) == ["for all"]
    assert notices.for_page(user("bob")) == ["for all", "for bob"]
    assert notices.for_page(user("ada")) == ["for all"]
    assert notices.for_page(user("without-account")) == ["for all"]


def test_pages_say_when_servers_stop(messages: ModuleType, notices: ModuleType) -> None:
    stop = (datetime.now(timezone.utc) + timedelta(minutes=30, seconds=5)).timestamp()
    messages.add([None], "A new version.", None, stop)
    (text,) = notices.for_page(None)
    assert text.endswith(" UTC (in 30 minutes). A new version.")


def test_a_broken_file_breaks_no_page(messages: ModuleType, notices: ModuleType) -> None:
    messages.FOLDER.mkdir()
    for content in ("{", "[1]", '[{"x": 1}]'):
        (messages.FOLDER / "everyone.json").write_text(content)
        assert notices.for_page(None) == []


def test_pages_say_why_a_server_was_stopped(notices: ModuleType) -> None:
    idle = {"stopped_because": "because nobody used it for 2 hours"}
    shown = notices.for_page(
        user("ada", _=idle, lab=idle, other={}, new=None, running={"stopped_because": ""})
    )
    assert shown == [
        "Your server was stopped because nobody used it for 2 hours. Saved files are still there.",
        "Your server lab was stopped because nobody used it for 2 hours. Saved files are still there.",
    ]


def test_reasons_of_stops(program: Callable[[str], ModuleType]) -> None:
    stops = program("hubsmith_hub.stops")
    naive = datetime.now(timezone.utc).replace(tzinfo=None) - timedelta(hours=2)
    for last in (naive, naive.replace(tzinfo=timezone.utc)):
        assert stops.reason("idle-culler", "ada", last, is_service=True).endswith("used it for 2 hours")
    assert stops.reason("idle-culler", "ada", None, is_service=True) == "because nobody used it"
    assert stops.reason("operator", "ada", naive, is_service=True).endswith("an administrator of this hub")
    assert stops.reason("bob", "ada", naive, is_service=False).endswith("an administrator of this hub")
    assert stops.reason("ada", "ada", naive, is_service=False) == ""
    # A user may have the name of a service.
    assert stops.reason("idle-culler", "idle-culler", naive, is_service=False) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "1 minute"), (2700, "45 minutes"), (3600, "1 hour"), (26 * 3600, "26 hours"), (3 * 86400, "3 days")],
)
def test_durations_in_words(program: Callable[[str], ModuleType], seconds: float, words: str) -> None:
    assert program("hubsmith_hub.stops").duration(seconds) == words


def test_the_page_shows_text_and_no_html() -> None:
    base = "{% block nav_bar_left_items %}{% endblock %}{% block announcement %}{% endblock %}"
    loader = jinja2.DictLoader({"templates/page.html": base, "page.html": TEMPLATE.read_text()})
    # As JupyterHub makes its environment (app.py, init_tornado_settings).
    page = jinja2.Environment(autoescape=True, loader=loader).get_template("page.html")
    shown = page.render(parsed_scopes={}, base_url="/hub/", hubsmith_notices=["<script>alert(1)</script>"])
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "<script>" not in shown
    assert "hubsmith-notice" not in page.render(parsed_scopes={}, base_url="/hub/")
