"""The lock as a file: YAML with texts one can read and git can compare line by line."""

from __future__ import annotations

from pathlib import Path

import yaml

from build.manifest.packages.lockfile_format import Lock

_HEADER = (
    "# Written by `invoke lock`, which also renews it (--upgrade); belongs into version control, beside "
    "the manifest.\n"
)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as they are."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def as_text(lock: Lock) -> str:
    """The whole file; what has nothing in it is left out."""
    document = lock.model_dump(exclude_defaults=True)
    return _HEADER + yaml.dump(
        {"version": lock.version, **document},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=2**20,
    )


def write(lock: Lock, path: Path) -> None:
    """In one go: there is the old file or the new one. Raises OSError."""
    temporary = path.with_suffix(".lock.tmp")
    try:
        temporary.write_text(as_text(lock), encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
