"""Reading YAML into the tree of nodes.py.

PyYAML's `compose()` gives nodes with marks. Duplicate keys, of which PyYAML itself keeps the last without a
word, are reported; so are scalars it cannot read and tags, which would mean Python objects.
"""

from __future__ import annotations

import yaml

from build.errors import Problem
from build.manifest.yaml.nodes import KeyPath, ListNode, MapEntry, MapNode, Mark, Node, Scalar


def parse(text: str, file: str) -> tuple[Node | None, tuple[Problem, ...]]:
    """The tree of one YAML document, and the duplicate keys, unreadable scalars and foreign tags in it.

    A syntax error ends the reading: there is then no tree, and the error is the only problem. An empty
    document is an empty mapping.
    """
    start = Mark(file, 1, 1)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Mark(file, mark.line + 1, mark.column + 1) if mark else start
        return None, (place.problem((), f"is not valid YAML: {error.problem or error.context}"),)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Mark(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        return None, (place.problem((), f"has a character YAML does not allow: {error.character!r}"),)
    if root is None:
        return MapNode(start, {}), ()
    reader = _Reader(file)
    return reader.read(root, ()), tuple(reader.problems)


class _Reader:
    """Turns PyYAML's nodes into ours, collecting problems on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._constructor = yaml.constructor.SafeConstructor()
        self._seen: dict[int, Node | None] = {}

    def read(self, node: yaml.Node, path: KeyPath) -> Node:
        mark = Mark(self.file, node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, mark, path)
        if id(node) in self._seen:  # an alias: PyYAML gives the anchor's own node again
            return self._aliased(self._seen[id(node)], mark, path)
        self._seen[id(node)] = None
        read: Node = (
            self._mapping(node, mark, path)
            if isinstance(node, yaml.MappingNode)
            else self._sequence(node, mark, path)
        )
        self._seen[id(node)] = read
        return read

    def _aliased(self, read: Node | None, mark: Mark, path: KeyPath) -> Node:
        if read is not None:
            return read
        self.problems.append(mark.problem(path, "contains itself"))
        return Scalar(mark, None, "")

    def _scalar(self, node: yaml.ScalarNode, mark: Mark, path: KeyPath) -> Scalar:
        try:
            value = self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError, KeyError) as error:
            reason = error.problem if isinstance(error, yaml.MarkedYAMLError) else str(error)
            self.problems.append(mark.problem(path, f"cannot be read ({reason}); put text in quotes"))
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
                self.problems.append(place.problem(path, "a key has to be a word"))
                continue
            entries[key.value] = MapEntry(place, self.read(value, (*path, key.value)))
        return MapNode(mark, entries)

    def _find_duplicates(self, node: yaml.MappingNode, path: KeyPath) -> None:
        first: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line, column = key.start_mark.line + 1, key.start_mark.column + 1
            if key.value in first:
                message = f"is there twice (first in line {first[key.value]})"
                self.problems.append(Mark(self.file, line, column).problem((*path, key.value), message))
            first.setdefault(key.value, line)

    def _flatten(self, node: yaml.MappingNode, mark: Mark, path: KeyPath) -> None:
        try:
            self._constructor.flatten_mapping(node)  # merge keys: `<<: *defaults`
        except yaml.constructor.ConstructorError as error:
            self.problems.append(mark.problem(path, f"cannot be merged: {error.problem}"))

    def _refuse_foreign(self, node: yaml.Node, mark: Mark, path: KeyPath) -> None:
        if node.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            self.problems.append(mark.problem(path, f"has the tag {node.tag}, which means nothing here"))
