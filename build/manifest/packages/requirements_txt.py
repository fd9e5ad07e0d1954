"""requirements.txt: the packages pip is asked for, each with its place in the file.

The format is pip's ("Requirements File Format" in its documentation), without what means nothing for an
image: where packages come from is the manifest's builder.mirrors, and hashes are for the lock to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from build.errors import Problem
from build.manifest.schema import requirement
from build.manifest.yaml.files import display, text_of
from build.manifest.yaml.nodes import Mark

_KEY = ("package",)
_COMMENT = re.compile(r"(^|\s+)#.*$")
_INCLUDE = re.compile(r"(?:-r\s*|--requirement(?:\s+|=))(?P<file>\S.*)")
_MEANINGLESS = (
    (
        re.compile(r"-i\b|-f\b|--((extra-)?index-url|find-links|no-index|trusted-host)\b"),
        "is builder.mirrors.pypi of the manifest",
    ),
    (re.compile(r"-e\b|--editable\b"), "is a folder of this machine, and the builder is another one"),
    (re.compile(r"-c\b|--constraint\b"), "is not read: put the limit beside the package"),
)


@dataclass(frozen=True)
class Named:
    """Something named in a file, and where."""

    text: str
    mark: Mark


@dataclass(frozen=True)
class Requirements:
    """The packages in the order of the file, and what is wrong with it."""

    packages: tuple[Named, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __add__(self, other: Requirements) -> Requirements:
        return Requirements(self.packages + other.packages, self.problems + other.problems)


def read(path: Path, inside: tuple[Path, ...] = ()) -> Requirements:
    """The file and those it includes with -r. ``inside`` are the files that include it. Raises OSError."""
    text, problems = text_of(path)
    found = Requirements((), problems)
    for number, column, line in _logical_lines(text or ""):
        found += entry(line, Mark(display(path), number, column), path, inside)
    return found


def entry(line: str, mark: Mark, path: Path, inside: tuple[Path, ...] = ()) -> Requirements:
    """One line without its comment, as it may also stand below `pip:` in an environment.yml at ``path``."""
    include = _INCLUDE.fullmatch(line)
    if include:
        return _included(path.parent / include["file"].strip("'\""), mark, (*inside, path))
    complaint = _complaint(line)
    if complaint:
        return Requirements((), (mark.problem(_KEY, complaint),))
    return Requirements((Named(requirement.canonical(line), mark),))


def _included(path: Path, mark: Mark, inside: tuple[Path, ...]) -> Requirements:
    if path.resolve() in [outer.resolve() for outer in inside]:
        return Requirements((), (mark.problem(_KEY, f"{display(path)} includes itself"),))
    if not path.is_file():
        return Requirements((), (mark.problem(_KEY, f"there is no {display(path)}"),))
    return read(path, inside)


def _complaint(line: str) -> str | None:
    """Why the line is no package that can be put into an image, or None."""
    if line.startswith("-"):
        option = line.split()[0].partition("=")[0]
        return next(
            (f"{option} {says}" for pattern, says in _MEANINGLESS if pattern.match(line)),
            f"{option} means nothing here",
        )
    found = requirement.complaint(line)
    if found and found.startswith("should be a package"):
        return f"{found}, is {line!r}{requirement.reason(line)}"
    return found


def _logical_lines(text: str) -> Iterator[tuple[int, int, str]]:
    """Line and column of each, and the line without its comment; a backslash at the end joins the next."""
    begun: tuple[int, int] | None = None
    parts: list[str] = []
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        plain = _COMMENT.sub("", line)
        begun = begun or (number, len(plain) - len(plain.lstrip()) + 1)
        if plain.endswith("\\"):
            parts.append(plain[:-1])
            continue
        joined = "".join([*parts, plain]).strip()
        if joined:
            yield (*begun, joined)
        begun, parts = None, []
