"""Reading files, and naming them as the user would type them."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from build.errors import Problem
from build.manifest.yaml.nodes import MapNode, Mark
from build.manifest.yaml.parse import parse


def display(path: Path) -> str:
    """The path relative to the current folder when it is below it, else whole."""
    relative = os.path.relpath(path)
    return str(path.absolute()) if relative.startswith("..") else relative


def read(path: Path) -> tuple[MapNode | None, tuple[Problem, ...]]:
    """The tree of a YAML file, which has to be a mapping, and what is wrong with it as YAML.

    Without a tree the problems say why there is none.
    """
    text, unread = text_of(path)
    if text is None:
        return None, unread
    tree, problems = parse(text, display(path))
    if tree is None or isinstance(tree, MapNode):
        return tree, problems
    return None, (*problems, tree.mark.problem((), "should be a mapping (key: value)"))


def text_of(path: Path) -> tuple[str | None, tuple[Problem, ...]]:
    """The text of a file, or why there is none, and where."""
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return None, (Mark(display(path), 1, 1).problem((), f"cannot be read: {reason}"),)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None, (Mark(display(path), 1, 1).problem((), "is UTF-16: save it as UTF-8"),)
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError as error:
        before = content[: error.start]
        place = Mark(display(path), before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        return None, (place.problem((), "is not UTF-8 text"),)
