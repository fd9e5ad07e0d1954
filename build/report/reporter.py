"""The only thing that prints.

Progress goes to stderr: on a terminal one live line (step, elapsed seconds, what it waits for) below the
finished ones, in a pipe plain lines. Results go to stdout: an id, a table or one JSON document.
Everything said also goes to the log file of the run, when there is one, with the time in UTC.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from build.errors import HubsmithError
from build.report import tables

_RULE = "·"


@dataclass
class Timing:
    """Seconds a step took; the record of an image keeps them in order."""

    step: str
    seconds: float


class _Stderr(Console):
    """rich's console on stderr; a reader that has gone changes no exit code."""

    def __init__(self) -> None:
        super().__init__(stderr=True, highlight=False, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """In place of rich's own, which ends the process with exit code 1."""
        self.quiet = True
        _give_up(sys.stderr)


@dataclass
class Reporter:
    """One voice for a task.

    ``quiet`` silences progress, never results. ``verbose`` shows the output of commands on a terminal too
    (in a pipe and in the log it is always there).
    """

    quiet: bool = False
    verbose: bool = False
    timings: list[Timing] = field(default_factory=list)
    _console: Console = field(default_factory=_Stderr)
    _log: IO[str] | None = None
    _live: Live | None = None
    _step: str = ""
    _detail: str = ""
    _started: float = 0.0
    _cleaning: bool = False

    @contextmanager
    def logging_to(self, path: Path) -> Iterator[None]:
        """Keep everything that is said inside in ``path`` as well."""
        before = self._log
        with path.open("a", encoding="utf-8", buffering=1) as log:
            self._log = log
            try:
                yield
            finally:
                self._log = before

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step, time it, and say how it ended. The error that ends it goes on its way."""
        self._step, self._detail, self._started = title, "", time.monotonic()
        self._write(f"begin {title}")
        if not self._console.is_terminal:
            self._show(Text(f"{self._bullet} {title}"))
        try:
            with self._spinning():
                yield
        except BaseException:
            self._end(title, Text("✗", style="red"), "failed")
            raise
        self._end(title, Text("✓", style="dim" if self._cleaning else "green"), "done")

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Time a part of a step for the record, without a line of its own."""
        started = time.monotonic()
        yield
        self.timings.append(Timing(f"{self._step}: {what}", round(time.monotonic() - started, 2)))

    @contextmanager
    def cleaning(self) -> Iterator[None]:
        """Steps inside are shown dimmed, so that the step that failed stands out."""
        self._cleaning = True
        try:
            yield
        finally:
            self._cleaning = False

    def waiting(self, what: str) -> None:
        """Say what the current step waits for; shown live on a terminal, once per change in a pipe."""
        if what == self._detail:
            return
        self._detail = what
        self._write(f"wait  {what}")
        if not self._console.is_terminal:
            self._show(Text(f"    {what}", style="dim"))

    def note(self, text: str) -> None:
        """One line of progress that stays."""
        self._write(text)
        self._show(Text(text))

    def warn(self, text: str) -> None:
        """Something the user should know that does not stop the task."""
        self._write(f"warning: {text}")
        self._show(Text(f"warning: {text}", style="yellow"))

    def output(self, line: str) -> None:
        """One line that a command on an instance (or a test run) printed."""
        self._write(f"    | {line}")
        if self.verbose or not self._console.is_terminal:
            self._show(Text(f"    | {line}", style="dim"))
        elif line.strip():
            self._detail = line.strip()

    def failure(self, error: HubsmithError) -> None:
        """The last words of a task that failed: what, where, what to do next."""
        self._last_words("error:", "bold red", str(error))
        if error.hint:
            self._last_words("hint:", "bold", error.hint)

    def _last_words(self, title: str, style: str, words: str) -> None:
        """Text, not markup, which would read `:100:` as an emoji and a backslash at the end as two."""
        self._write(f"{title} {words}")
        self._print(Text.assemble((title, style), " ", words))

    def result(self, text: str) -> bool:
        """The thing the task made (an id, a URL, a file to source) on stdout; False when nobody reads it."""
        self._write(f"result: {text}")
        return _put([text])

    def document(self, value: object) -> None:
        """One JSON document on stdout."""
        self.result(json.dumps(value, indent=2, sort_keys=True, default=str))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table on stdout: laid out for the terminal, or tab-separated where another program reads."""
        if not sys.stdout.isatty():
            _put("\t".join(cell.replace("\n", " ") for cell in row) for row in rows)
            return
        console = Console(highlight=False)
        widths = tables.widths(columns, rows, console.width)
        if widths is None:
            _put(tables.blocks(columns, rows, console.width))
            return
        table = Table(
            box=None,
            pad_edge=False,
            padding=(0, tables.GAP, 0, 0),
            header_style="bold",
            show_header=any(columns),
        )
        for name, width in zip(columns, widths, strict=True):
            table.add_column(name, width=width, overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        console.print(table)

    def sheet(self, rows: Sequence[tuple[str, str]]) -> None:
        """Names and what there is to say of them: as wide as the terminal, or 80 characters."""
        _put(tables.sheet(rows, Console().width))

    @property
    def _bullet(self) -> str:
        return "  (cleanup)" if self._cleaning else "»"

    @contextmanager
    def _spinning(self) -> Iterator[None]:
        if self.quiet or self._live or not self._console.is_terminal:
            yield
            return
        self._live = Live(
            get_renderable=self._status, console=self._console, refresh_per_second=4, transient=True
        )
        try:
            with self._live:
                yield
        finally:
            self._live = None

    def _status(self) -> Text:
        elapsed = time.monotonic() - self._started
        text = Text(
            f"{self._bullet} {self._step}  {elapsed:.0f} s",
            style="dim" if self._cleaning else "bold",
            no_wrap=True,
            overflow="ellipsis",
        )
        if self._detail:
            text.append(f"  {_RULE} {self._detail}", style="dim")
        return text

    def _end(self, title: str, mark: Text, word: str) -> None:
        seconds = time.monotonic() - self._started
        self.timings.append(Timing(title, round(seconds, 2)))
        self._write(f"end   {title}: {word} after {seconds:.1f} s")
        style = "dim" if self._cleaning else ""
        self._show(Text.assemble(mark, f" {title}  ", (f"{seconds:.1f} s", "dim"), style=style))

    def _show(self, text: Text) -> None:
        if not self.quiet:
            self._print(text)

    def _print(self, text: Text) -> None:
        """A reader that has gone, or a full disk, keeps nobody from their work and changes no exit code."""
        try:
            self._console.print(text)
        except OSError:
            _give_up(sys.stderr)

    def _write(self, text: str) -> None:
        if self._log:
            now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
            self._log.write(f"{now}Z {text}\n")


def _put(lines: Iterable[str]) -> bool:
    """Print lines; False when the reader has gone. Raises HubsmithError when they cannot be written."""
    if sys.stdout is None:  # closed by whoever started us
        raise HubsmithError("cannot write to standard output: it is closed")
    try:
        sys.stdout.writelines(line + "\n" for line in lines)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough: no error of ours
        _give_up(sys.stdout)
        return False
    except OSError as error:
        _give_up(sys.stdout)
        reason = (error.strerror or str(error)).lower()
        raise HubsmithError(f"cannot write to standard output: {reason}") from None
    return True


def _give_up(stream: IO[str]) -> None:
    """Let a stream end in nothing, also when Python flushes it at its end ("Note on SIGPIPE")."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
