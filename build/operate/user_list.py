"""A file with the names of users: one a line, or CSV as spreadsheets write it, in whatever encoding.

All of it is read before anything is changed: one line that is wrong, and nothing is.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from build.errors import UserError

USER_NAME = r"[a-z_][a-z0-9_.@-]{0,31}"
"""A whole user name, as the machine has it (hubsmith_machine/names.py)."""
HEADERS = ("username", "user name", "user_name", "user", "login", "name")
"""What the column of the names may be called, in any case; the first that there is counts."""
_DELIMITERS = ",;\t"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MOST_TOLD = 20


@dataclass(frozen=True)
class Row:
    """A name, and the line of the file that it stands in (from 1)."""

    line: int
    name: str


def problem(name: str) -> str | None:
    """Why the machine would refuse a name, or None."""
    if re.fullmatch(USER_NAME, name):
        return None
    return (
        f"{name!r} cannot be a user name: small letters, digits and _.@-, a letter or _ first, 32 characters "
        "at most"
    )


def read(file: str) -> tuple[str, ...]:
    """The names in a file, each once.

    Raises UserError with every line that is wrong, and for a file that cannot be read or names nobody.
    """
    rows = tuple(_rows(_text(file), file))
    wrong = [f"{file}:{row.line}: {complaint}" for row in rows if (complaint := problem(row.name))]
    if wrong:
        more = [f"and {len(wrong) - _MOST_TOLD} more"] if len(wrong) > _MOST_TOLD else []
        raise UserError("\n".join([*wrong[:_MOST_TOLD], *more]), hint="nothing was changed")
    if not rows:
        raise UserError(
            f"{file}: has no names in it", hint="one name a line, or CSV with a column 'username'"
        )
    return tuple(dict.fromkeys(row.name for row in rows))


def _text(file: str) -> str:
    try:
        content = Path(file).expanduser().read_bytes()
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _decoded(content, encoding, file)
    if b"\0" in content[:100]:  # UTF-16 of mostly ASCII without a mark
        return _decoded(content, "utf-16-be" if content[:1] == b"\0" else "utf-16-le", file)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _decoded(content: bytes, encoding: str, file: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file}: is not {encoding.removesuffix('-sig').upper()} text: {error.reason}"
        ) from error


def _rows(text: str, file: str) -> Iterator[Row]:
    lines = [(number, _without_comment(line)) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line]
    if not lines:
        return
    delimiter = max(_DELIMITERS, key=lines[0][1].count)
    if delimiter not in lines[0][1]:
        yield from _of_plain(lines, file)
        return
    header = _fields(lines[0], delimiter, file)
    column = _column(header, lines[0][0], file)
    for line in lines[1:]:
        fields = _fields(line, delimiter, file)
        if any(fields):
            yield Row(line[0], fields[column] if column < len(fields) else "")


def _of_plain(lines: list[tuple[int, str]], file: str) -> Iterator[Row]:
    """One name a line; a first line that no user could be called by is the name of a column."""
    begins = 1 if lines[0][1].strip('"').lower() in HEADERS and len(lines) > 1 else 0
    for number, line in lines[begins:]:
        found = [each for each in _DELIMITERS if each in line]
        if found:
            raise UserError(
                f"{file}:{number}: has more columns than the first line", hint="nothing was changed"
            )
        yield Row(number, line.strip('"').strip())


def _without_comment(line: str) -> str:
    """What stands before a #, which no name has; nothing of a spreadsheet's line about its delimiter."""
    return "" if line.lower().startswith("sep=") else line.partition("#")[0].strip(" \r\x0b\x0c\u00a0")


def _fields(line: tuple[int, str], delimiter: str, file: str) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([line[1]], delimiter=delimiter, strict=True))]
    except csv.Error as error:
        raise UserError(f"{file}:{line[0]}: is not CSV: {error}", hint="nothing was changed") from error


def _column(header: list[str], line: int, file: str) -> int:
    names = [field.lower() for field in header]
    found = next((names.index(name) for name in HEADERS if name in names), None)
    if found is None:
        raise UserError(
            f"{file}:{line}: has {len(header)} columns, none of which is called 'username'",
            hint="name the column with the users' names in the first line: username",
        )
    return found
