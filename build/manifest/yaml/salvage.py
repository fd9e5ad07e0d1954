"""What can still be used of a tree that does not fit its schema.

Rules between keys are checked all the same, so that all mistakes come at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from build.errors import Problem
from build.manifest.yaml import messages
from build.manifest.yaml.nodes import KeyPath, ListNode, MapEntry, MapNode, Node

Model = TypeVar("Model", bound=BaseModel)
_ROUNDS = 10
"""What is wrong with a section as a whole shows only when its values are right."""


@dataclass(frozen=True)
class Salvaged(Generic[Model]):
    """A tree as an instance of its schema; where `wrong` has paths it is one of what is right in the tree."""

    model: Model | None
    problems: tuple[Problem, ...] = ()
    wrong: frozenset[KeyPath] = frozenset()

    @property
    def whole(self) -> Model | None:
        """The model where nothing is wrong."""
        return None if self.problems else self.model

    def knows(self, *keys: str) -> bool:
        """Whether these keys (`hub.admin_users`) have the values that the tree gives them."""
        paths = [tuple(key.split(".")) for key in keys]
        return not any(_overlap(path, bad) for path in paths for bad in self.wrong)


def salvage(tree: Node, model: type[Model], placeholders: Mapping[KeyPath, Node]) -> Salvaged[Model]:
    """The tree as an instance of `model`, without what is wrong.

    `placeholders` stand in for what it cannot do without.
    """
    made, problems = messages.validate(tree, model)
    wrong: set[KeyPath] = set()
    here = tree
    for _ in range(_ROUNDS):
        bad = messages.wrong_paths(here, model)
        if not bad:
            return Salvaged(messages.validate(here, model)[0], problems, frozenset(wrong))
        for path, missing in sorted(bad, key=lambda each: [str(part) for part in each[0]], reverse=True):
            wrong.add(path)
            here = _without(here, path, missing=missing, placeholders=placeholders)
    return Salvaged(made, problems, frozenset(wrong))


def _overlap(one: KeyPath, other: KeyPath) -> bool:
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _without(tree: Node, path: KeyPath, *, missing: bool, placeholders: Mapping[KeyPath, Node]) -> Node:
    """The tree without the value at `path`; of what is missing, without the section that needs it."""
    if path in placeholders:
        return _put(tree, path, placeholders[path])
    return _put(tree, path[:-1] if missing else path, None)


def _put(tree: Node, path: KeyPath, value: Node | None) -> Node:
    """The tree with another value at `path`, or with none."""
    if not path:
        return value or MapNode(tree.mark, {})
    here, rest = path[0], path[1:]
    if isinstance(tree, ListNode) and isinstance(here, int):
        items = [each if index != here else _part(each, rest, value) for index, each in enumerate(tree.items)]
        return ListNode(tree.mark, tuple(each for each in items if each is not None))
    if not isinstance(tree, MapNode):
        return tree
    entries = dict(tree.entries)
    old = entries.pop(str(here), None)
    new = _part(old.value, rest, value) if old else _part(MapNode(tree.mark, {}), rest, value)
    if new is not None:
        entries[str(here)] = MapEntry(old.mark if old else tree.mark, new)
    return MapNode(tree.mark, entries)


def _part(old: Node, rest: KeyPath, value: Node | None) -> Node | None:
    return _put(old, rest, value) if rest else value
