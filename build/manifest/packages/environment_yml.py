"""environment.yml: what conda and pip are asked for, each with its place in the file.

The format is conda's ("Creating an environment file manually" in its documentation). `name` and `prefix` mean
nothing here: the environment is /opt/anaconda.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from build.errors import Problem
from build.manifest.packages.requirements_txt import Named, Requirements, entry
from build.manifest.schema import fields as f
from build.manifest.yaml.files import read as read_yaml
from build.manifest.yaml.messages import UNKNOWN_KEY, did_you_mean
from build.manifest.yaml.nodes import KeyPath, ListNode, MapEntry, MapNode, Node, Scalar, describe

_KEYS = ("name", "channels", "dependencies", "prefix")
_CHANNEL: TypeAdapter[str] = TypeAdapter(f.CondaChannel)
_PACKAGE: TypeAdapter[str] = TypeAdapter(f.CondaPackage)
_NOT_A_CHANNEL = "nodefaults"
"""Says that the channel defaults is not asked; it never is without being named."""


@dataclass(frozen=True)
class Environment:
    """Channels and packages in the order of the file, and what is wrong with it."""

    channels: tuple[Named, ...] = ()
    conda: tuple[Named, ...] = ()
    pip: tuple[Named, ...] = ()
    problems: tuple[Problem, ...] = ()


def read(path: Path) -> Environment:
    """The file, and the requirements.txt that its pip packages may include. Raises OSError."""
    tree, problems = read_yaml(path)
    if tree is None:
        return Environment(problems=problems)
    channels, misnamed = _texts(tree, "channels", _CHANNEL)
    packages, misread = _texts(tree, "dependencies", _PACKAGE)
    pip = Requirements()
    for key, node in _mappings(tree):
        pip += _pip(key, node, path)
    return Environment(
        tuple(channel for channel in channels if channel.text != _NOT_A_CHANNEL),
        packages,
        pip.packages,
        (*problems, *_strangers(tree), *misnamed, *misread, *pip.problems),
    )


def _strangers(tree: MapNode) -> Iterator[Problem]:
    for key, found in tree.entries.items():
        if key == "variables":
            yield found.mark.problem(
                (key,), "is hub.environment of the manifest: users' servers get it from there"
            )
        elif key not in _KEYS:
            yield found.mark.problem((key,), f"{UNKNOWN_KEY}{did_you_mean(key, _KEYS)}")


def _texts(tree: MapNode, key: str, rule: TypeAdapter[str]) -> tuple[tuple[Named, ...], tuple[Problem, ...]]:
    """The single values of a list; what else is in it is somebody else's."""
    section = tree.entries[key].value if key in tree.entries else ListNode(tree.mark, ())
    if isinstance(section, Scalar) and section.value is None:
        return (), ()
    if not isinstance(section, ListNode):
        return (), (section.mark.problem((key,), f"should be a list, is {describe(section)}"),)
    named, problems = [], []
    for index, item in enumerate(section.items):
        if not isinstance(item, MapNode):
            complaint = _complaint(item, rule)
            problems += [item.mark.problem((key, index), complaint)] if complaint else []
            named += (
                [Named(item.value, item.mark)]
                if isinstance(item, Scalar) and isinstance(item.value, str) and not complaint
                else []
            )
        elif key != "dependencies":
            problems.append(item.mark.problem((key, index), "should be text, is a mapping"))
    return tuple(named), tuple(problems)


def _complaint(item: Node, rule: TypeAdapter[str]) -> str | None:
    if not isinstance(item, Scalar) or not isinstance(item.value, str):
        return f"should be text, is {describe(item)}"
    try:
        rule.validate_python(item.value)
    except ValidationError as error:
        return f"{error.errors()[0]['ctx']['error']}, is {describe(item)}"
    return None


def _mappings(tree: MapNode) -> Iterator[tuple[KeyPath, MapNode]]:
    """The entries of dependencies that have keys: `pip:` is one."""
    section = tree.entries["dependencies"].value if "dependencies" in tree.entries else None
    for index, item in enumerate(section.items if isinstance(section, ListNode) else ()):
        if isinstance(item, MapNode):
            yield ("dependencies", index), item


def _pip(path: KeyPath, node: MapNode, file: Path) -> Requirements:
    found = Requirements()
    for key, inner in node.entries.items():
        if key != "pip":
            found += Requirements(
                (), (inner.mark.problem((*path, key), f"{UNKNOWN_KEY}; did you mean 'pip'?"),)
            )
        else:
            found += _pip_lines((*path, key), inner, file)
    return found


def _pip_lines(path: KeyPath, section: MapEntry, file: Path) -> Requirements:
    if isinstance(section.value, Scalar) and section.value.value is None:
        return Requirements()
    if not isinstance(section.value, ListNode):
        return Requirements(
            (), (section.value.mark.problem(path, f"should be a list, is {describe(section.value)}"),)
        )
    found = Requirements()
    for index, item in enumerate(section.value.items):
        if isinstance(item, Scalar) and isinstance(item.value, str):
            found += entry(item.value.strip(), item.mark, file)
        else:
            found += Requirements(
                (), (item.mark.problem((*path, index), f"should be text, is {describe(item)}"),)
            )
    return found
