"""What is wrong with text that is not YAML, in words: where it began, seldom where PyYAML noticed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import yaml

from build.errors import Problem
from build.manifest.yaml.nodes import Mark

MAX_DEPTH = 60
"""Lists and mappings in each other. A manifest has 6."""
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7}|\|{7})(?= |$)", re.MULTILINE)
_NO_BLANK = re.compile(r"^ *(?:- +)?(?P<key>[A-Za-z_][\w-]*:)[^\s/:]")
_FOREIGN_BLANKS = {
    "\u00a0": "a no-break space",
    "\u3000": "an ideographic space",
    "\t": "a tab",
} | dict.fromkeys(map(chr, range(0x2000, 0x2010)), "an unusual space")
"""What looks like the blanks that YAML indents with."""
_INDENT = re.compile(rf"^ *(?:- +)?([{''.join(_FOREIGN_BLANKS)}])")
_NEEDS_QUOTES = "&*!|>%@`"
Place = tuple[int, int]
"""Line and column, from 0 as PyYAML counts."""


def explain(text: str, error: yaml.MarkedYAMLError, file: str) -> Problem:
    """A syntax error at the place and in the words that help most."""
    place, message = next(found for guess in _GUESSES if (found := guess(text, error)))
    return Mark(file, place[0] + 1, place[1] + 1).problem((), message)


def too_deep(text: str, file: str) -> Problem:
    """Where text is nested too deeply to be read."""
    depth, place = 0, (0, 0)
    opening = (
        yaml.BlockMappingStartToken,
        yaml.BlockSequenceStartToken,
        yaml.FlowMappingStartToken,
        yaml.FlowSequenceStartToken,
    )
    closing = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)
    for token in _tokens(text):
        depth += isinstance(token, opening) - isinstance(token, closing)
        place = _place(token.start_mark)
        if depth > MAX_DEPTH:
            break
    return Mark(file, place[0] + 1, place[1] + 1).problem((), "is nested too deeply")


def not_a_character(text: str, error: yaml.reader.ReaderError, file: str) -> Problem:
    """Where YAML does not allow a character, and which."""
    before = text[: error.position]
    mark = Mark(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
    code = error.character if isinstance(error.character, int) else ord(error.character)
    hint = "; is the file UTF-16? Save it as UTF-8" if code == 0 else ""
    return mark.problem((), f"has the control character U+{code:04X}, which YAML does not allow{hint}")


def foreign_blank(text: str) -> str | None:
    """What stands at an edge of a key and only looks like a blank, or None."""
    edges = (text[:1], text[-1:])
    return next((_FOREIGN_BLANKS[edge] for edge in edges if edge in _FOREIGN_BLANKS), None)


def _conflict(text: str, _: yaml.MarkedYAMLError) -> tuple[Place, str] | None:
    found = _CONFLICT.search(text)
    return (
        ((text.count("\n", 0, found.start()), 0), "is a mark of a git conflict: resolve it")
        if found
        else None
    )


def _second_document(_: str, error: yaml.MarkedYAMLError) -> tuple[Place, str] | None:
    if error.problem != "but found another document":
        return None
    return _place(error.problem_mark), "should be one document, and a second one begins here"


def _blank(text: str, error: yaml.MarkedYAMLError) -> tuple[Place, str] | None:
    """The nearest line above the error (or its own) that is indented with something else than blanks."""
    for number, line in _upwards(text, error):
        if found := _INDENT.match(line):
            return (number, found.start(1)), f"{_FOREIGN_BLANKS[found[1]]} is not a space: indent with spaces"
    return None


def _quote(text: str, error: yaml.MarkedYAMLError) -> tuple[Place, str] | None:
    """An open quote swallows what follows, up to the next quote or the end."""
    message = "opens a quote that is not closed"
    if error.context == "while scanning a quoted scalar":
        return _place(error.context_mark), message
    for token in _tokens(text):
        if not isinstance(token, yaml.ScalarToken) or token.style not in ("'", '"'):
            continue
        swallows_lines = token.start_mark.line != token.end_mark.line
        if swallows_lines or _place(token.end_mark) == _place(error.problem_mark):
            return _place(token.start_mark), message
    return None


def _first_character(text: str, error: yaml.MarkedYAMLError) -> tuple[Place, str] | None:
    """`*`, `&` and the like begin something of YAML's own."""
    line, column = _place(error.problem_mark)
    began = [_place(error.context_mark)] if error.context_mark else []
    for place in (*began, (line, column)):
        here = _line(text, place[0])[place[1] : place[1] + 1]
        scanned = (error.context or "").startswith(("while scanning", "while parsing a node"))
        if here and here in _NEEDS_QUOTES and (scanned or place == (line, column)):
            return place, f"begins with {here}: put text that begins so in quotes"
    return None


def _colon(text: str, error: yaml.MarkedYAMLError) -> tuple[Place, str] | None:
    """`name:value` is one word to YAML; the line below it is where the complaint comes."""
    for number, line in list(_upwards(text, error))[:2]:
        if found := _NO_BLANK.match(line):
            return (number, found.start("key")), f"{found['key']} a space is missing after the colon"
    return None


def _bracket(text: str, error: yaml.MarkedYAMLError) -> tuple[Place, str] | None:
    kinds = {"while parsing a flow sequence": "[", "while parsing a flow mapping": "{"}
    if opened := kinds.get(error.context or ""):
        return _place(error.context_mark), f"opens {opened} that is not closed"
    if "found '<stream end>'" in (error.problem or "") and (still_open := _open_brackets(text)):
        return still_open[-1], "opens a bracket that is not closed"
    return None


def _open_brackets(text: str) -> list[Place]:
    found: list[Place] = []
    for token in _tokens(text):
        if isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken):
            found.append(_place(token.start_mark))
        elif isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken) and found:
            found.pop()
    return found


def _indentation(_: str, error: yaml.MarkedYAMLError) -> tuple[Place, str] | None:
    if not (error.problem or "").startswith("expected <block end>, but found '<block"):
        return None
    return _place(error.problem_mark), "is not indented like the lines above it"


def _inner_colon(_: str, error: yaml.MarkedYAMLError) -> tuple[Place, str] | None:
    if error.problem != "mapping values are not allowed here":
        return None
    return _place(error.problem_mark), "has a second colon: put text with a colon and a space in quotes"


def _as_it_is(_: str, error: yaml.MarkedYAMLError) -> tuple[Place, str]:
    mark = error.problem_mark or error.context_mark
    began = ""
    if error.context and error.context_mark and error.problem:
        began = f" ({error.context}, which begins in line {error.context_mark.line + 1})"
    return _place(mark) if mark else (0, 0), f"is not valid YAML: {error.problem or error.context}{began}"


_Guess = Callable[[str, yaml.MarkedYAMLError], "tuple[Place, str] | None"]
_GUESSES: tuple[_Guess, ...] = (
    _conflict,
    _second_document,
    _blank,
    _quote,
    _first_character,
    _colon,
    _bracket,
    _indentation,
    _inner_colon,
    _as_it_is,
)


def _place(mark: yaml.Mark | None) -> Place:
    return (mark.line, mark.column) if mark else (0, 0)


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number] if number < len(lines) else ""


def _upwards(text: str, error: yaml.MarkedYAMLError) -> Iterator[tuple[int, str]]:
    """Lines that say something, with their numbers, from that of the error up to the beginning."""
    mark = error.problem_mark or error.context_mark
    lines = text.splitlines()
    for number in range(min(mark.line if mark else 0, len(lines) - 1), -1, -1):
        if lines[number].strip() and not lines[number].lstrip().startswith("#"):
            yield number, lines[number]


def _tokens(text: str) -> Iterator[yaml.Token]:
    """What PyYAML reads of it, up to where it cannot go on."""
    try:
        yield from yaml.scan(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return
