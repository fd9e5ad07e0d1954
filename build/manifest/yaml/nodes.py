"""A YAML document as a small tree of frozen nodes: each key and value knows its file, line and column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from build.errors import Problem

KeyPath = tuple[str | int, ...]
"""Where a value is in the tree: keys of mappings, indexes of lists."""


@dataclass(frozen=True)
class Mark:
    """A place in a file (line and column count from 1), or a command line option (line 0, no column)."""

    file: str
    line: int = 0
    column: int = 0

    def problem(self, path: KeyPath, message: str) -> Problem:
        """The mistake `message` about `path`, found here."""
        key = ".".join(str(part) for part in path) or "file"
        if self.line:
            return Problem(self.file, self.line, self.column, key, message)
        return OptionProblem(self.file, 0, 0, key, message)


@dataclass(frozen=True, order=False)
class OptionProblem(Problem):
    """A mistake in an option of the command line: there is no line to point at."""

    def __str__(self) -> str:
        place = self.file if self.file == f"--{self.key}" else f"{self.file} {self.key}"
        return f"{place}: {self.message}"

    def _order(self, other: Problem) -> tuple[tuple[str, int, int, str], tuple[str, int, int, str]]:
        return (self.file, self.line, self.column, self.key), (
            other.file,
            other.line,
            other.column,
            other.key,
        )

    def __lt__(self, other: Problem) -> bool:
        mine, theirs = self._order(other)
        return mine < theirs

    def __gt__(self, other: Problem) -> bool:
        mine, theirs = self._order(other)
        return mine > theirs


@dataclass(frozen=True)
class Scalar:
    """Text, number, boolean, date or nothing; `text` is what was typed, `quoted` whether in quotes."""

    mark: Mark
    value: object
    text: str
    quoted: bool = False


@dataclass(frozen=True)
class ListNode:
    """A list."""

    mark: Mark
    items: tuple[Node, ...]


@dataclass(frozen=True)
class MapEntry:
    """A key of a mapping with the place of the key, and its value."""

    mark: Mark
    value: Node


@dataclass(frozen=True)
class MapNode:
    """Keys and values, in the order of the file."""

    mark: Mark
    entries: Mapping[str, MapEntry]


Node = Scalar | ListNode | MapNode


def without_echoes(unread: Sequence[Problem], problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """All of them, each once, without what only follows from the `unread`.

    That is that such a value is missing, or that the section with it is not complete.
    """
    causes = [(problem.file, f"{problem.key}.") for problem in unread]

    def follows(problem: Problem) -> bool:
        key = f"{problem.key}."
        return any(
            problem.file == file and (key.startswith(cause) or cause.startswith(key))
            for file, cause in causes
        )

    return tuple(dict.fromkeys([*unread, *(problem for problem in problems if not follows(problem))]))


def plain(node: Node) -> object:
    """The bare values: dicts, tuples (not lists: nothing is to change them) and scalars."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, ListNode):
        return tuple(plain(item) for item in node.items)
    return {key: plain(entry.value) for key, entry in node.entries.items()}


def find(node: Node, path: KeyPath) -> Node | None:
    """The node at `path`, or None."""
    for part in path:
        child = _child(node, part)
        if child is None:
            return None
        node = child[1]
    return node


def place_of(node: Node, path: KeyPath) -> Mark:
    """Where to point for the value at `path`: at the value, or at its key if the value is a mapping."""
    return mark_of(node, path, key=isinstance(find(node, path), MapNode))


def mark_of(node: Node, path: KeyPath, *, key: bool = False) -> Mark:
    """The place of the value at `path` (or of its key); where it is absent, that of the nearest key above."""
    mark = node.mark
    for index, part in enumerate(path):
        child = _child(node, part)
        if child is None:
            return mark
        entry_mark, node = child
        mark = node.mark if index == len(path) - 1 and not key else entry_mark
    return mark


def _child(node: Node, part: str | int) -> tuple[Mark, Node] | None:
    if isinstance(node, MapNode) and part in node.entries:
        entry = node.entries[str(part)]
        return entry.mark, entry.value
    if isinstance(node, ListNode) and isinstance(part, int) and 0 <= part < len(node.items):
        return node.items[part].mark, node.items[part]
    return None


def describe(node: Node) -> str:
    """What was written, in words for a message: 'abc' in quotes, other scalars as typed."""
    if isinstance(node, ListNode):
        return "a list"
    if isinstance(node, MapNode):
        return "a mapping"
    if node.value is None:
        return "empty"
    return repr(node.value) if isinstance(node.value, str) else node.text
