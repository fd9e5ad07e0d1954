"""Laying trees over each other: profiles, and single values given by `--set a.b=c`.

Mappings are merged key by key, anything else (lists too) is replaced. Every function returns a new tree; the
marks of its parts stay those of the file or option they came from.
"""

from __future__ import annotations

from collections.abc import Mapping

from build.errors import UserError
from build.manifest.yaml.nodes import KeyPath, ListNode, MapEntry, MapNode, Mark, Node, Scalar
from build.manifest.yaml.parse import parse

ALTERNATIVES: Mapping[KeyPath, tuple[frozenset[str], ...]] = {
    ("base",): (frozenset({"owner", "name"}), frozenset({"ssm_parameter"}), frozenset({"id"})),
}
"""Keys that exclude each other: an overlay that gives one kind drops the other kinds of the layer below."""


class OverrideError(Exception):
    """A `--set` names something that cannot have parts, or an index a list does not have."""

    def __init__(self, path: KeyPath, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def merge(below: Node, above: Node, path: KeyPath = ()) -> Node:
    """`above` laid over `below`: a new tree, neither of the two changed."""
    if not isinstance(below, MapNode) or not isinstance(above, MapNode):
        return above
    entries = dict(_without_alternatives(below, above, path).entries)
    for key, entry in above.entries.items():
        under = entries.get(key)
        entries[key] = MapEntry(entry.mark, merge(under.value, entry.value, (*path, key))) if under else entry
    return MapNode(below.mark, entries)


def _without_alternatives(below: MapNode, above: MapNode, path: KeyPath) -> MapNode:
    given = {key for key, entry in above.entries.items() if not _is_empty(entry.value)}
    chosen = [kind for kind in ALTERNATIVES.get(path, ()) if kind & given]
    if len(chosen) != 1:
        return below
    dropped = frozenset().union(*ALTERNATIVES[path]) - chosen[0]
    return MapNode(below.mark, {key: entry for key, entry in below.entries.items() if key not in dropped})


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def parse_override(text: str) -> tuple[KeyPath, Node]:
    """`builder.root_volume.size_gib=20` as a path and a value (read as YAML; after `=` nothing means null).

    Raises UserError when there is no `=`, a part of the name is empty, or the value is not YAML.
    """
    name, equals, value = text.partition("=")
    parts = tuple(name.strip().split("."))
    if not equals or not all(parts):
        raise UserError(
            f"--set {text}: is not of the form key.key=value",
            hint="for example --set builder.root_volume.size_gib=20",
        )
    node, problems = parse(value, "--set")
    if problems or node is None:
        raise UserError(
            f"--set {name.strip()}: {problems[0].message}",
            hint="the value is read as YAML: quote what YAML would take apart",
        )
    if isinstance(node, MapNode) and not value.strip().startswith("{") and not node.entries:
        node = Scalar(node.mark, None, "")
    return parts, _marked(node, Mark("--set"))


def _marked(node: Node, mark: Mark) -> Node:
    """The same tree with every place being `mark`."""
    if isinstance(node, Scalar):
        return Scalar(mark, node.value, node.text, node.quoted)
    if isinstance(node, ListNode):
        return ListNode(mark, tuple(_marked(item, mark) for item in node.items))
    return MapNode(
        mark, {key: MapEntry(mark, _marked(entry.value, mark)) for key, entry in node.entries.items()}
    )


def assign(tree: Node, path: KeyPath, value: Node, done: KeyPath = ()) -> Node:
    """`tree` with the value at `path` replaced: a new tree. Mappings on the way are made if they are absent.

    In a list the part of the path is an index, or the name of an entry
    (`provisioners.python.variables.packages`). Raises OverrideError when the path leads through something
    that has no parts.
    """
    if not path:
        return value
    here, rest = path[0], path[1:]
    if isinstance(tree, ListNode):
        return _assign_in_list(tree, str(here), rest, value, done)
    if isinstance(tree, Scalar) and done[:1] == ("provisioners",) and len(done) == 2:
        tree = MapNode(tree.mark, {"name": MapEntry(tree.mark, tree)})  # a bare name is short for {name: …}
    if isinstance(tree, Scalar) and tree.value is not None:
        raise OverrideError((*done, *path), f"{'.'.join(map(str, done))} is a single value and has no {here}")
    return _assign_in_map(tree, str(here), rest, value, done)


def _assign_in_map(tree: Node, here: str, rest: KeyPath, value: Node, done: KeyPath) -> MapNode:
    below = tree if isinstance(tree, MapNode) else MapNode(value.mark, {})
    old = below.entries.get(here)
    child = assign(old.value if old else MapNode(value.mark, {}), rest, value, (*done, here))
    above = MapNode(value.mark, {here: MapEntry(value.mark, child)})
    kept = _without_alternatives(below, above, done)
    return MapNode(below.mark, {**kept.entries, here: MapEntry(value.mark, child)})


def _assign_in_list(tree: ListNode, here: str, rest: KeyPath, value: Node, done: KeyPath) -> ListNode:
    names = [_name_of(item) for item in tree.items]
    index = names.index(here) if here in names else int(here) if here.isdecimal() else len(tree.items) + 1
    if index > len(tree.items):
        known = ", ".join(name for name in names if name) or f"0 to {len(tree.items)}"
        raise OverrideError((*done, here, *rest), f"there is no {here} in this list; it has {known}")
    old = tree.items[index] if index < len(tree.items) else MapNode(value.mark, {})
    items = (*tree.items[:index], assign(old, rest, value, (*done, index)), *tree.items[index + 1 :])
    return ListNode(tree.mark, items)


def _name_of(item: Node) -> str | None:
    if isinstance(item, MapNode):
        item = item.entries["name"].value if "name" in item.entries else item
    return item.value if isinstance(item, Scalar) and isinstance(item.value, str) else None
