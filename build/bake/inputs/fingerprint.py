"""Fingerprints: what provisioners send to a builder, as a chain of digests that is the same on every machine.

    content of a provisioner     = sha256 over its name and what it sends: the files that are laid over /
                                   (path, owner, group, mode, content as rendered), its install.sh, its
                                   variables as the script reads them, and what the manifest's lock gives
                                   it, if there is one
    fingerprint of a provisioner = sha256 over the fingerprint before it (first: the id of the base image)
                                   and its content

What is not sent is not in it: the text of provisioner.yaml, a comment of a template, a file beside
install.sh, times, and where the checkout is. What Hubsmith itself sends is counted apart
(builder_version.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from build.bake.inputs.provisioner_files import laid_over
from build.manifest import ProvisionerUse, environment, template_variables
from build.remote.file_tree import FileEntry

SCRIPT = "install.sh"
SCHEME = 2
"""The way in which digests are made.

Count it up when the same input gets another digest, and add a line here:

    1  the files of a provisioner's folder as they are, and Hubsmith's own source files
    2  what is sent to the builder

All fingerprints change at once then. An image carries the number of its scheme, so `rebuild` can name the
reason.
"""

VARIABLE = "variable:"
"""In front of a variable's name among the parts of a provisioner; no path has it where its folder begins."""
LOCKED = "locked:"
"""In front of the name of the package manager whose packages the manifest's lock pins."""


@dataclass(frozen=True)
class Fingerprint:
    """Of one provisioner: `content` is its own part, `digest` all up to and with it (64 hex digits each)."""

    provisioner: str
    digest: str
    content: str


def chain(base_image_id: str, uses: Sequence[ProvisionerUse]) -> tuple[Fingerprint, ...]:
    """The fingerprints of the provisioners in order; each depends on all before it.

    Raises OSError for a file that cannot be read, UserError for a template that cannot be rendered.
    """
    found: list[Fingerprint] = []
    previous = base_image_id
    for use in uses:
        content = digest(
            use.name,
            [[entry.path, *_entry(entry)] for entry in laid_over(use).values()],
            _script(use),
            environment(use),
            dict(use.given),
        )
        previous = digest(previous, content)
        found.append(Fingerprint(use.name, previous, content))
    return tuple(found)


def parts(use: ProvisionerUse) -> dict[str, str]:
    """Digests that say what a change was in: of each file that is sent (by its path in the provisioner's
    folder), each value (by VARIABLE and its name) and each part of the lock (by LOCKED and its name). Raises
    as ``chain`` does.
    """
    files = {path: _part(use, path, entry) for path, entry in laid_over(use).items()}
    values = {f"{VARIABLE}{name}": digest(value) for name, value in template_variables(use).items()}
    return {
        **files,
        SCRIPT: _script(use),
        **values,
        **{f"{LOCKED}{name}": digest(text) for name, text in use.given.items()},
    }


def digest(*values: object) -> str:
    """SHA-256 (64 hex digits) of values that JSON can carry."""
    whole = [f"hubsmith fingerprint {SCHEME}", *values]
    canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def of_bytes(content: bytes) -> str:
    """SHA-256 (64 hex digits) of a file's content."""
    return hashlib.sha256(content).hexdigest()


def _script(use: ProvisionerUse) -> str:
    return of_bytes((use.folder / SCRIPT).read_bytes())


def _entry(entry: FileEntry) -> list[object]:
    """Who owns it and who may do what with it, and its target if it is a link, else its content."""
    owned = entry.ownership
    return [
        owned.owner,
        owned.group,
        owned.mode,
        entry.link_to or "",
        "" if entry.link_to else of_bytes(entry.content),
    ]


def _part(use: ProvisionerUse, path: str, entry: FileEntry) -> str:
    """A template counts with its own text: a changed value is named, not all templates that hold it."""
    source = of_bytes((use.folder / path).read_bytes()) if path.endswith(".j2") and not entry.link_to else ""
    return digest(*(_entry(entry)[:-1] if source else _entry(entry)), source)
