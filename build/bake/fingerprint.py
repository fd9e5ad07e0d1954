"""Fingerprints: what an image is made of, as a chain of digests that is the same on every machine.

    content of a provisioner     = sha256 over its name, its files (path, executable or not, content), the values it reads,
                                   and what the manifest's lock gives it, if there is one
    fingerprint of a provisioner = sha256 over the fingerprint before it (first: the id of the base image) and its content

Not in it: times, owners, the other mode bits (git does not keep them), empty folders (nor these), where the checkout is,
and what editors and interpreters leave behind (IGNORED). provisioner.yaml is one of the files.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from build.manifest import ProvisionerUse, template_variables

IGNORED = ("__pycache__", "*.pyc", "*~", "*.swp", "*.swo", "*.orig", "*.rej", ".#*", "#*#", ".DS_Store", ".git")
"""Names, of files or of folders with all they hold, that are no part of a provisioner wherever they are in it."""

SCHEME = "hubsmith fingerprint 1"
"""Counts up when the same input gets another digest: all fingerprints then change at once, and images say why."""

VARIABLE = "variable:"
"""In front of a variable's name among the parts of a provisioner; no path has it where its folder begins."""
LOCKED = "locked:"
"""In front of the name of the package manager whose packages the manifest's lock pins."""


@dataclass(frozen=True)
class Fingerprint:
    """Of one provisioner: `content` is its own part, `digest` everything up to and including it (64 hex digits each)."""

    provisioner: str
    digest: str
    content: str


def chain(base_image_id: str, uses: Sequence[ProvisionerUse]) -> tuple[Fingerprint, ...]:
    """The fingerprints of the provisioners in order; each depends on all before it. Raises OSError for an unreadable file."""
    found: list[Fingerprint] = []
    previous = base_image_id
    for use in uses:
        content = digest(
            use.name,
            [[path.as_posix(), *_content(use.folder / path)] for path in files(use.folder)],
            template_variables(use),
            *([dict(use.given)] if use.given else ()),
        )
        previous = digest(previous, content)
        found.append(Fingerprint(use.name, previous, content))
    return tuple(found)


def parts(use: ProvisionerUse) -> dict[str, str]:
    """A digest of each file (by its path in the provisioner's folder), each value (by VARIABLE and its name) and each part of
    the lock (by LOCKED and its name): what a change was in.
    """
    found = {path.as_posix(): digest(*_content(use.folder / path)) for path in files(use.folder)}
    values = {f"{VARIABLE}{name}": digest(value) for name, value in template_variables(use).items()}
    return found | values | {f"{LOCKED}{name}": digest(text) for name, text in use.given.items()}


def files(folder: Path) -> Iterator[Path]:
    """The files and symbolic links that make up a provisioner, relative to its folder, in an order no locale changes."""
    inside = [path.relative_to(folder) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    yield from sorted((path for path in inside if not is_ignored(path)), key=os.fsencode)


def is_ignored(path: Path) -> bool:
    """Whether a path, relative to the provisioner's folder, is a leftover (see IGNORED)."""
    return any(fnmatch.fnmatchcase(part, pattern) for part in path.parts for pattern in IGNORED)


def digest(*values: object) -> str:
    """SHA-256 (64 hex digits) of values that JSON can carry."""
    canonical = json.dumps([SCHEME, *values], sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _content(path: Path) -> tuple[str, str]:
    """The kind of a file and its content: the target of a link, else the sha256 of the bytes."""
    if path.is_symlink():
        return "link", path.readlink().as_posix()
    kind = "executable" if path.stat().st_mode & 0o100 else "file"
    return kind, hashlib.sha256(path.read_bytes()).hexdigest()
