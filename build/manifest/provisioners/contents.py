"""What is in a provisioner's scripts and files, looked at before a builder does.

bash and Python have to be able to read them, templates have to render.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path

from build.errors import Problem
from build.manifest.provisioners import conf_d, templates
from build.manifest.yaml.files import display, text_of
from build.manifest.yaml.nodes import Mark

SCRIPT, TREE = "install.sh", "files"
IGNORED = (
    "__pycache__",
    "*.pyc",
    "*~",
    "*.swp",
    "*.swo",
    "*.orig",
    "*.rej",
    ".#*",
    "#*#",
    ".DS_Store",
    ".git",
)
"""Names of files, or of folders with all they hold, that editors and interpreters leave behind: they are not
sent.
"""
_IGNORED = re.compile("|".join(map(translate, IGNORED)))
_BASH = re.compile(r"#!\s*(/usr)?/bin/(env\s+)?(bash|sh)\b")
_PYTHON = re.compile(r"#!.*\bpython3?\b")
Found = tuple[int, str]
"""A line, and what is wrong with it."""
Bash = Callable[[str], "Found | None"]
"""What bash says of a script (build.bash.complaint): whoever loads a manifest starts no process by that."""


@dataclass(frozen=True)
class Reading:
    """What the files are read with: the values of the variables, if they are known, or their names, if those
    are; and bash, if it is to be asked.
    """

    variables: Mapping[str, object] | None
    names: frozenset[str] | None
    bash: Bash | None


def problems(folder: Path, reading: Reading) -> Iterator[Problem]:
    """Everything wrong inside the files of a provisioner's folder.

    Without the values of its variables templates are read, but not rendered.
    """
    if (folder / SCRIPT).is_file():
        yield from _script(folder / SCRIPT, folder.name, reading.bash)
    tree = folder / TREE
    if tree.exists() and not tree.is_dir():
        yield _told(tree, 1, folder.name, "should be a folder: it is laid over /")
        return
    for path in files(tree) if tree.is_dir() else ():
        if not (tree / path).is_symlink():
            yield from _file(tree / path, folder.name, reading)
            if path.parent == conf_d.FOLDER and path.suffix == ".py":
                yield from _conf_d(tree / path, folder)


def files(folder: Path) -> Iterator[Path]:
    """The files and symbolic links below a folder, relative to it, in an order that no locale changes."""
    inside = [
        path.relative_to(folder) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    ]
    yield from sorted((path for path in inside if not _is_ignored(path)), key=os.fsencode)


def _is_ignored(path: Path) -> bool:
    return any(_IGNORED.match(part) for part in path.parts)


def _told(path: Path, line: int, key: str, message: str) -> Problem:
    return Mark(display(path), line, 1).problem((key,), message)


def _script(path: Path, key: str, bash: Bash | None) -> Iterator[Problem]:
    """install.sh, which bash runs whatever its first line says."""
    text, unread = text_of(path)
    if text is None:
        yield from unread
        return
    if path.read_bytes().startswith(b"\xef\xbb\xbf"):
        yield _told(path, 1, key, "begins with a byte order mark: save it as UTF-8 without one")
    yield from (_told(path, line, key, message) for line, message in _of_bash(text, bash))


def _file(path: Path, key: str, reading: Reading) -> Iterator[Problem]:
    is_template = path.name.endswith(templates.SUFFIX)
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError as error:
        yield _told(path, 1, key, f"cannot be read: {(error.strerror or str(error)).lower()}")
        return
    if not (is_template or start == b"#!" or path.suffix in (".py", ".sh")):
        return
    text, unread = text_of(path)
    if text is None:
        yield from unread
        return
    found = list(_template(text, reading)) if is_template else []
    if not found and is_template:
        text = templates.render(text, reading.variables) if reading.variables is not None else ""
    name = path.name.removesuffix(templates.SUFFIX)
    found = found or list(_of_program(name, text, reading.bash))
    yield from (_told(path, line, key, message) for line, message in found)


def _conf_d(path: Path, folder: Path) -> Iterator[Problem]:
    text, _ = text_of(path)
    for line, message in conf_d.problems(text or "", folder.parent):
        yield _told(path, line, folder.name, message)


def _template(text: str, reading: Reading) -> Iterator[Found]:
    found = [(error.line, error.message) for error in templates.problems(text, reading.names)]
    yield from found
    if found or reading.variables is None:
        return
    try:
        templates.render(text, reading.variables)
    except templates.TemplateError as error:
        yield error.line, error.message


def _of_program(name: str, text: str, bash: Bash | None) -> Iterator[Found]:
    """What is wrong with a program, by its first line or by its name; nothing where it is none."""
    if _BASH.match(text) or name.endswith(".sh"):
        yield from _of_bash(text, bash)
    elif _PYTHON.match(text) or name.endswith(".py"):
        yield from _windows_lines(text)
        yield from _of_python(text)


def _windows_lines(text: str) -> Iterator[Found]:
    if "\r\n" in text:
        yield (
            text[: text.index("\r\n")].count("\n") + 1,
            "ends with a carriage return: save it with Unix line ends (LF)",
        )


def _of_bash(text: str, bash: Bash | None) -> Iterator[Found]:
    windows = tuple(_windows_lines(text))
    yield from windows
    if "\0" in text:
        yield text[: text.index("\0")].count("\n") + 1, "has a NUL character"
    elif bash is not None and not windows and (found := bash(text)):
        yield found[0], f"is not valid bash: {found[1]}"


@functools.lru_cache(maxsize=512)
def _of_python(text: str) -> tuple[Found, ...]:
    try:
        compile(text, "<provisioner>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return ((error.lineno or 1, f"is not valid Python: {error.msg}"),)
    except ValueError as error:  # NUL characters
        return ((1, f"is not valid Python: {error}"),)
    return ()
