"""Reading YAML into the tree of nodes.py.

PyYAML's `compose()` gives nodes with marks. Duplicate keys, of which PyYAML itself keeps the last without a
word, are reported; so are scalars it cannot read, numbers that are others than they look, and tags, which
would mean Python objects.
"""

from __future__ import annotations

import functools
import re

import yaml

from build.errors import Problem
from build.manifest.yaml import syntax
from build.manifest.yaml.nodes import KeyPath, ListNode, MapEntry, MapNode, Mark, Node, Scalar


@functools.lru_cache(maxsize=256)  # a tree is frozen, and some files are read several times by one command
def parse(text: str, file: str) -> tuple[Node | None, tuple[Problem, ...]]:
    """The tree of one YAML document, and the duplicate keys, unreadable scalars and foreign tags in it.

    A syntax error ends the reading: there is then no tree, and the error is the only problem. An empty
    document is an empty mapping.
    """
    start = Mark(file, 1, 1)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        return None, (syntax.explain(text, error, file),)
    except yaml.reader.ReaderError as error:
        return None, (syntax.not_a_character(text, error, file),)
    except RecursionError:
        return None, (syntax.too_deep(text, file),)
    if root is None:
        return MapNode(start, {}), ()
    reader = _Reader(file)
    return reader.read(root, ()), tuple(reader.problems)


MAX_REPEATED = 10_000
"""Values that aliases and merge keys may repeat: a few lines of YAML can stand for millions."""
_OCTAL = re.compile(r"[-+]?0[0-9_]+")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")


def _misread(value: object, text: str) -> str | None:
    """Why a number is not the one that it looks like (YAML 1.1 has octal and sexagesimal ones), or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if _OCTAL.fullmatch(text):
        return f"{text} is an octal number, {value}: put text in quotes, or write {text.lstrip('+-0') or '0'}"
    if _SEXAGESIMAL.fullmatch(text):
        return f"{text} is a number of base 60, {value}: put text in quotes, or write a plain number"
    return None


class _Reader:
    """Turns PyYAML's nodes into ours, collecting problems on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._constructor = yaml.constructor.SafeConstructor()
        self._seen: dict[int, Node | None] = {}
        self._sizes: dict[int, int] = {}
        self._repeated = 0

    def read(self, node: yaml.Node, path: KeyPath) -> Node:
        mark = Mark(self.file, node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, mark, path)
        if len(path) > syntax.MAX_DEPTH:
            self.problems.append(mark.problem(path[:3], "is nested too deeply"))
            return Scalar(mark, None, "")
        if id(node) in self._seen:  # an alias: PyYAML gives the anchor's own node again
            return self._aliased(node, mark, path)
        self._seen[id(node)] = None
        read: Node = (
            self._mapping(node, mark, path)
            if isinstance(node, yaml.MappingNode)
            else self._sequence(node, mark, path)
        )
        self._seen[id(node)] = read
        return read

    def _aliased(self, node: yaml.Node, mark: Mark, path: KeyPath) -> Node:
        read = self._seen[id(node)]
        if read is None:
            self.problems.append(mark.problem(path, "contains itself"))
            return Scalar(mark, None, "")
        self._repeated += self._size(node)
        if self._repeated > MAX_REPEATED:
            self._refuse_repetition(mark, path)
            return Scalar(mark, None, "")
        return read

    def _refuse_repetition(self, mark: Mark, path: KeyPath) -> None:
        message = f"repeats more than {MAX_REPEATED} values by aliases"
        if not any(problem.message == message for problem in self.problems):
            self.problems.append(mark.problem(path, message))

    def _size(self, node: yaml.Node) -> int:
        """How many values there are in it, those that aliases repeat counted each time."""
        if isinstance(node, yaml.ScalarNode):
            return 1
        if id(node) not in self._sizes:
            self._sizes[id(node)] = 1  # of one that contains itself
            inner = node.value if isinstance(node, yaml.SequenceNode) else [value for _, value in node.value]
            self._sizes[id(node)] = 1 + sum(map(self._size, inner))
        return self._sizes[id(node)]

    def _scalar(self, node: yaml.ScalarNode, mark: Mark, path: KeyPath) -> Scalar:
        try:
            value = self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError, KeyError) as error:
            reason = error.problem if isinstance(error, yaml.MarkedYAMLError) else str(error)
            self.problems.append(mark.problem(path, f"cannot be read ({reason}); put text in quotes"))
            value = None
        complaint = None if node.style else _misread(value, node.value)
        if complaint:
            self.problems.append(mark.problem(path, complaint))
            value = None
        return Scalar(mark, value, node.value, quoted=node.style is not None)

    def _sequence(self, node: yaml.Node, mark: Mark, path: KeyPath) -> ListNode:
        self._refuse_foreign(node, mark, path)
        return ListNode(mark, tuple(self.read(item, (*path, index)) for index, item in enumerate(node.value)))

    def _mapping(self, node: yaml.MappingNode, mark: Mark, path: KeyPath) -> MapNode:
        self._refuse_foreign(node, mark, path)
        self._find_duplicates(node, path)
        self._flatten(node, mark, path)
        entries: dict[str, MapEntry] = {}
        for key, value in node.value:
            place = Mark(self.file, key.start_mark.line + 1, key.start_mark.column + 1)
            if not isinstance(key, yaml.ScalarNode):
                self._refuse_key(key, place, mark, path)
                continue
            if blank := syntax.foreign_blank(key.value):
                message = f"{blank} is beside the key: put a plain space there"
                self.problems.append(place.problem((*path, key.value), message))
            entries[key.value] = MapEntry(place, self.read(value, (*path, key.value)))
        return MapNode(mark, entries)

    def _refuse_key(self, key: yaml.Node, place: Mark, mark: Mark, path: KeyPath) -> None:
        if isinstance(key, yaml.MappingNode) and key.flow_style:
            self.problems.append(mark.problem(path, "put {{ … }} in quotes: { begins a mapping"))
        else:
            self.problems.append(place.problem(path, "a key has to be a word"))

    def _find_duplicates(self, node: yaml.MappingNode, path: KeyPath) -> None:
        first: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line, column = key.start_mark.line + 1, key.start_mark.column + 1
            if key.value in first:
                message = f"is set twice (first in line {first[key.value]})"
                self.problems.append(Mark(self.file, line, column).problem((*path, key.value), message))
            first.setdefault(key.value, line)

    def _flatten(self, node: yaml.MappingNode, mark: Mark, path: KeyPath) -> None:
        merged = [value for key, value in node.value if key.tag == "tag:yaml.org,2002:merge"]
        self._repeated += sum(map(self._size, merged))
        if self._repeated > MAX_REPEATED:
            self._refuse_repetition(mark, path)
            node.value = [pair for pair in node.value if pair[1] not in merged]
            return
        try:
            self._constructor.flatten_mapping(node)  # merge keys: `<<: *defaults`
        except yaml.constructor.ConstructorError as error:
            self.problems.append(mark.problem(path, f"cannot be merged: {error.problem}"))

    def _refuse_foreign(self, node: yaml.Node, mark: Mark, path: KeyPath) -> None:
        if node.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            self.problems.append(mark.problem(path, f"has the tag {node.tag}, which means nothing here"))
