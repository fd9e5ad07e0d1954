"""The lock as a file: YAML with texts one can read and git can compare line by line."""

from __future__ import annotations

from pathlib import Path

from build.manifest.packages.lockfile_format import Lock
from build.manifest.yaml import write as yaml_write

_HEADER = (
    "# Written by `invoke lock`, which also renews it (--upgrade); belongs into version control, beside "
    "the manifest.\n"
)


def as_text(lock: Lock) -> str:
    """The whole file; what has nothing in it is left out."""
    document = lock.model_dump(exclude_defaults=True)
    return _HEADER + yaml_write.as_text({"version": lock.version, **document})


def write(lock: Lock, path: Path) -> None:
    """In one go: there is the old file or the new one. Raises OSError."""
    temporary = path.with_suffix(".lock.tmp")
    try:
        temporary.write_text(as_text(lock), encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
