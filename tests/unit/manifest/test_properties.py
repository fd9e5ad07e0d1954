"""What has to hold for every manifest, tried on many."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from build.errors import ManifestError, UserError
from build.manifest import load
from build.manifest.yaml.nodes import (
    KeyPath,
    ListNode,
    MapEntry,
    MapNode,
    Mark,
    Node,
    Scalar,
    describe,
    find,
    mark_of,
    plain,
)
from build.manifest.yaml.overlay import assign, merge, parse_override
from build.manifest.yaml.parse import parse

SHIPPED = Path(__file__).parents[3] / "manifest.yaml"
TEXT = SHIPPED.read_text(encoding="utf-8")
WHOLE = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MANY = settings(max_examples=100, deadline=None)

words = st.text("abcdefghij", min_size=1, max_size=4)
scalars = st.none() | st.booleans() | st.integers(-9, 9) | words
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=12,
)
trees = st.dictionaries(words, values, max_size=4)


def scalar_paths(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The paths of all single values that are not null."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from scalar_paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from scalar_paths(item, (*path, index))
    elif value is not None:
        yield path


SCALARS = list(scalar_paths(yaml.safe_load(TEXT)))


@pytest.fixture
def copy_of_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """manifest.yaml in a folder of its own, with the shipped provisioners and tests beside it."""
    (tmp_path / "provisioners").symlink_to(SHIPPED.parent / "provisioners")
    (tmp_path / "tests").symlink_to(SHIPPED.parent / "tests")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "manifest.yaml"


ODDITIES = ["7", "true", "~", "[]", "{}", "x", "''", "1.5", "2026-11-23", "-", "[1", "*a", "&a", "!x y"]


def replaced(path: KeyPath, typed: str) -> tuple[str, Mark]:
    """The shipped manifest with the value at `path` replaced by `typed`, and where that stands."""
    tree, problems = parse(TEXT, "manifest.yaml")
    assert tree is not None
    assert not problems
    node, mark = find(tree, path), mark_of(tree, path)
    assert node is not None
    lines = TEXT.splitlines(keepends=True)
    line, rest = lines[mark.line - 1], lines[mark.line - 1][mark.column - 1 :]
    old = f'"{describe(node)[1:-1]}"' if rest.startswith('"') else describe(node).strip("'")
    assert rest.startswith(old), (rest, old)
    lines[mark.line - 1] = line[: mark.column - 1] + typed + rest[len(old) :]
    return "".join(lines), mark


@pytest.mark.parametrize("path", SCALARS, ids=lambda path: ".".join(map(str, path)))
def test_a_value_of_the_wrong_type_is_told_at_its_own_place(copy_of_shipped: Path, path: KeyPath) -> None:
    """No value of the shipped manifest may be a list of lists, applied or not."""
    text, mark = replaced(path, "[[]]")
    copy_of_shipped.write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        load(Path("manifest.yaml"))
    assert mark.line in {problem.line for problem in caught.value.problems}, str(caught.value)


@WHOLE
@given(path=st.sampled_from(SCALARS), typed=st.sampled_from(ODDITIES))
def test_whatever_is_typed_is_fine_or_told_and_never_a_crash(
    copy_of_shipped: Path, path: KeyPath, typed: str
) -> None:
    copy_of_shipped.write_text(replaced(path, typed)[0], encoding="utf-8")
    with suppress(UserError):
        load(Path("manifest.yaml"))


@WHOLE
@given(text=st.text(max_size=60) | st.text("[]{}:,-&*!|>'\"%@` \n\tab0?<#", max_size=60))
@example("? [a]\n: b\n")
@example("<<: 3\n")
@example("a: &x [*x]\n")
@example("!!set {a}\n")
@example("a: !!binary 'é'\n")
@example("a: !!int x\n")
@example("a: 0o9\nb: 1_\n")
def test_any_text_at_all_is_told_and_never_a_crash(copy_of_shipped: Path, text: str) -> None:
    copy_of_shipped.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(ManifestError) as caught:
        load(Path("manifest.yaml"))
    assert all(problem.line >= 1 and problem.column >= 1 for problem in caught.value.problems)


EDITS = [
    (("builder", "root_volume", "size_gib"), "20"),
    (("builder", "lifetime_minutes"), "60"),
    (("builder", "address"), "private"),
    (("provisioners", 2), "service"),
    (("hub", "cpu_limit"), "null"),
    (("hub", "shutdown_on_logout"), "false"),
    (("hub", "default_url"), "/tree"),
    (("publish", "channel"), "beta"),
    (("retention", "keep"), "9"),
    (("image", "name"), "'my hub'"),
    (("cloud",), "aws"),
    (("builder", "address"), "both"),
    (("retention", "keep"), "many"),
]


@pytest.mark.parametrize(("path", "typed"), EDITS, ids=lambda part: str(part))
def test_set_is_as_good_as_editing_the_file(copy_of_shipped: Path, path: KeyPath, typed: str) -> None:
    """The same manifest, or the same complaints but for the place."""

    def outcome(text: str, *overrides: str) -> object:
        copy_of_shipped.write_text(text, encoding="utf-8")
        try:
            return load(Path("manifest.yaml"), overrides=overrides)
        except ManifestError as error:
            return sorted((problem.key, problem.message) for problem in error.problems)

    option = f"{'.'.join(map(str, path))}={typed}"
    assert outcome(TEXT, option) == outcome(replaced(path, typed)[0])
    assert outcome(TEXT, option) != outcome(TEXT)


def node_of(value: object, file: str = "a.yaml") -> Node:
    """The value as a tree in which every node has a place of its own."""
    lines = itertools.count(1)

    def made(value: object) -> Node:
        mark = Mark(file, next(lines), 1)
        if isinstance(value, dict):
            return MapNode(
                mark, {key: MapEntry(Mark(file, next(lines), 1), made(item)) for key, item in value.items()}
            )
        return (
            ListNode(mark, tuple(map(made, value)))
            if isinstance(value, list)
            else Scalar(mark, value, str(value))
        )

    return made(value)


def laid_over(below: object, above: object) -> object:
    """The rule of overlays on bare values: mappings are merged, everything else is replaced."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {
            **below,
            **{key: laid_over(below[key], value) if key in below else value for key, value in above.items()},
        }
    return above


@MANY
@given(below=trees, above=trees)
def test_overlays_merge_mappings_replace_the_rest_and_change_neither(
    below: dict[str, object], above: dict[str, object]
) -> None:
    first, second = node_of(below), node_of(above)
    before = copy.deepcopy((first, second))
    merged = merge(first, second)
    assert plain(merged) == plain(node_of(laid_over(below, above)))
    assert (first, second) == before


@MANY
@given(below=trees, above=trees)
def test_every_value_of_an_overlay_keeps_the_place_it_came_from(
    below: dict[str, object], above: dict[str, object]
) -> None:
    first, second = node_of(below, "below"), node_of(above, "above")
    merged = merge(first, second)
    for path in scalar_paths(laid_over(below, above)):
        source = second if find(second, path) is not None else first
        assert mark_of(merged, path) == mark_of(source, path)


@MANY
@given(tree=trees, data=st.data())
def test_a_set_value_is_found_where_it_was_set_and_nothing_else_changes(
    tree: dict[str, object], data: st.DataObject
) -> None:
    paths = [
        path for path in scalar_paths(tree) if all(isinstance(part, int) or part.isalpha() for part in path)
    ]
    if not paths:
        return
    path = data.draw(st.sampled_from(paths))
    node = node_of(tree)
    before = copy.deepcopy(node)
    name, value = parse_override(f"{'.'.join(map(str, path))}=[new]")
    changed = assign(node, name, value)
    assert plain(find(changed, path) or node) == ("new",)
    assert mark_of(changed, path).file == "--set"
    assert node == before
    for other in scalar_paths(tree):
        if other != path:
            assert mark_of(changed, other) == mark_of(node, other)
