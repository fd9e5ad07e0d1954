"""The files of a provisioner that reach the machine: those below files/, with templates rendered."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path

from build.manifest import ProvisionerUse, template_variables
from build.remote import file_tree

TREE = "files"
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


def laid_over(use: ProvisionerUse) -> dict[str, file_tree.FileEntry]:
    """What is laid over /, by the path that it has in the provisioner's folder (``files/etc/motd.j2``).

    Raises OSError for a file that cannot be read, UserError for a template that cannot be rendered.
    """
    folder = use.folder / TREE
    if not folder.is_dir():
        return {}
    paths = list(files(folder))
    entries = file_tree.collect(folder, paths, template_variables(use), use.definition.ownership)
    return {f"{TREE}/{path.as_posix()}": entry for path, entry in zip(paths, entries, strict=True)}


def files(folder: Path) -> Iterator[Path]:
    """The files and symbolic links below a folder, relative to it, in an order that no locale changes."""
    inside = [
        path.relative_to(folder) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    ]
    yield from sorted((path for path in inside if not _is_ignored(path)), key=os.fsencode)


def _is_ignored(path: Path) -> bool:
    return any(fnmatch.fnmatchcase(part, pattern) for part in path.parts for pattern in IGNORED)
