"""What goes where: results to stdout, progress to stderr, everything to the log."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from build.errors import HubsmithError, UserError
from build.report.reporter import Reporter

REPO = Path(__file__).parents[2]


def test_results_are_on_stdout_and_progress_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    report = Reporter()
    with report.step("boil water"):
        report.waiting("93 degrees")
        report.output("bubbles")
    report.result("ami-1")
    out, err = capsys.readouterr()
    assert out == "ami-1\n"
    assert err.splitlines()[:3] == ["» boil water", "    93 degrees", "    | bubbles"]
    assert err.splitlines()[3].startswith("✓ boil water  0.")


def test_a_failed_step_says_so_and_the_error_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    report = Reporter()
    with pytest.raises(UserError), report.step("boil water"):
        raise UserError("no water")
    assert "✗ boil water" in capsys.readouterr().err
    assert [timing.step for timing in report.timings] == ["boil water"]


def test_an_error_shows_place_words_and_hint_without_reading_them_as_markup(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Reporter().failure(
        HubsmithError("[red]odd[/red] name", where="manifest.yaml:3:1", hint="call it [bold]x")
    )
    err = capsys.readouterr().err
    assert err == "error: manifest.yaml:3:1: [red]odd[/red] name\nhint: call it [bold]x\n"


@pytest.mark.parametrize("words", ["manifest.yaml:100:15 x", "2001:a:b:x::1/129", "C:\\", ":lock: :warning:"])
def test_an_error_is_printed_letter_by_letter(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = Reporter()
    report.failure(HubsmithError(words, hint=words))
    with report.step(words):
        report.note(words)
    err = capsys.readouterr().err.splitlines()
    assert err[:4] == [f"error: {words}", f"hint: {words}", f"» {words}", words]
    assert err[4].startswith(f"✓ {words}  0.")


PROGRAM = (
    "from build.commands.common import cli_session; from build.errors import UserError\n"
    "import sys; from invoke import Exit\n"
    "try:\n"
    "    with cli_session() as report:\n"
    "        report.note('x'); report.result('y'); raise UserError('wrong')\n"
    "except Exit as ended: sys.exit(ended.code)"
)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("2>&1 | true", 2),  # the reader has gone
        ("2>/dev/full >/dev/null", 2),
        ("2>&- >/dev/null", 2),
        (">/dev/full", 1),
        (">&-", 1),
    ],
)
def test_where_nobody_reads_the_exit_code_stays_and_nothing_is_a_bug(line: str, status: int) -> None:
    script = f'"$0" -c "$1" {line}; exit ${{PIPESTATUS[0]}}'
    program = f"import time, sys; time.sleep(0.3)\n{PROGRAM}"
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, program], cwd=REPO, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr
    assert "bug" not in done.stderr
    assert "Traceback" not in done.stderr


def test_long_lines_are_not_broken_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    Reporter().note("x" * 500)
    assert capsys.readouterr().err == "x" * 500 + "\n"


def test_everything_said_is_in_the_log_with_the_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Reporter(quiet=True)
    with report.logging_to(tmp_path / "build.log"):
        with report.step("boil water"):
            report.output("bubbles")
        report.result("ami-1")
    lines = (tmp_path / "build.log").read_text().splitlines()
    assert [line.split("Z ", 1)[1].split(" after")[0] for line in lines] == [
        "begin boil water",
        "    | bubbles",
        "end   boil water: done",
        "result: ami-1",
    ]
    assert capsys.readouterr().err == ""


def test_a_table_in_a_pipe_is_tab_separated(capsys: pytest.CaptureFixture[str]) -> None:
    Reporter().table(("a", "b"), [("1", "two\nlines")])
    assert capsys.readouterr().out == "1\ttwo lines\n"


@pytest.fixture
def terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[int], Callable[[], list[str]]]:
    """A terminal so many characters wide; what is returned tells the lines on it, without their colours."""

    def of(width: int) -> Callable[[], list[str]]:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        return lambda: [
            line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
        ]

    return of


AMI = "ami-0123456789abcdef0"


def test_a_table_on_a_terminal_breaks_prose_and_no_identifier(
    terminal: Callable[[int], Callable[[], list[str]]],
) -> None:
    shown = terminal(40)
    Reporter().table(("image", "why"), [(AMI, "[it] is one of the newest three")])
    assert shown() == [
        "image                  why",
        f"{AMI}  [it] is one of",
        "                       the newest three",
    ]


def test_a_table_without_names_has_no_line_for_them(
    terminal: Callable[[int], Callable[[], list[str]]],
) -> None:
    shown = terminal(40)
    Reporter().table(("", ""), [("state", "up")])
    assert shown() == ["state  up"]


def test_on_a_terminal_too_narrow_for_a_table_each_row_is_a_block(
    terminal: Callable[[int], Callable[[], list[str]]],
) -> None:
    shown = terminal(40)
    rows = [("one", AMI, "i-0123456789abcdef0"), ("two", AMI, "-")]
    Reporter().table(("hub", "image", "instance"), rows)
    assert shown() == [
        "hub       one",
        f"image     {AMI}",
        "instance  i-0123456789abcdef0",
        "",
        "hub       two",
        f"image     {AMI}",
        "instance  -",
    ]


def test_a_sheet_is_for_a_person_in_a_pipe_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    Reporter().sheet([("why", "something else than it was before")])
    assert capsys.readouterr().out == "why  something else than it\n       was before\n"


def test_a_document_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    Reporter().document([{"path": Path("x")}])
    assert json.loads(capsys.readouterr().out) == [{"path": "x"}]


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    code = (
        "from build.report.reporter import Reporter; r = Reporter(); r.result('a'); r.table(('n',), "
        "[('1',)]); r.sheet([('n', '1')])"
    )
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPO, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
