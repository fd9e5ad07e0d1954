"""How rows fit into a terminal: nothing is cut, identifiers stay whole, prose breaks at its spaces."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

GAP = 2
"""Characters between two columns."""
_PROSE = 12
"""What a column of prose gets at least, in characters: fewer, and it would be a word a line."""
_LONGEST_WORD = 40
"""A longer word (a URL, a path) may be broken."""


def widths(columns: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Characters for each column, ``room`` at most with the gaps; None where a row needs several lines."""
    cells = [[columns[at], *(row[at] for row in rows)] for at in range(len(columns))]
    wanted = [max(len(line) for cell in column for line in (cell.splitlines() or [""])) for column in cells]
    least = [_least(column, most) for column, most in zip(cells, wanted, strict=True)]
    room -= GAP * (len(columns) - 1)
    if sum(wanted) <= room:
        return wanted
    if sum(least) > room:
        return None
    missing, over = sum(wanted) - sum(least), room - sum(least)
    return [few + (many - few) * over // missing for few, many in zip(least, wanted, strict=True)]


def sheet(rows: Sequence[tuple[str, str]], room: int) -> list[str]:
    """Lines of at most ``room`` characters: a name, beside it what there is to say of it.

    A name is not said twice in a row.

    A word longer than that (a URL, a path) has a longer line: it can be copied, which it could not in pieces.
    """
    indent = max((len(name) for name, _ in rows), default=0) + GAP
    lines, before = [], ""
    for name, text in rows:
        lines_of = textwrap.TextWrapper(
            max(room - indent, _PROSE),
            break_on_hyphens=False,
            break_long_words=False,
            subsequent_indent=" " * GAP,
        )
        wrapped = lines_of.wrap(text) or [""]
        lines += [
            f"{name if name != before else '':{indent}}{wrapped[0]}".rstrip(),
            *(" " * indent + line for line in wrapped[1:]),
        ]
        before = name
    return lines


def blocks(columns: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[str]:
    """A table for which there is no room: each row is a sheet, with an empty line between them."""
    lines = []
    for row in rows:
        lines += ["", *sheet(list(zip(columns, row, strict=True)), room)]
    return lines[1:]


def _least(cells: Sequence[str], wanted: int) -> int:
    longest = max((len(word) for cell in cells for word in cell.split()), default=0)
    is_prose = any(" " in cell for cell in cells[1:])
    return max(min(longest, _LONGEST_WORD), min(wanted, _PROSE) if is_prose else 0)
