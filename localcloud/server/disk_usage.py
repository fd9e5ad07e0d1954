"""Where the local cloud keeps what, and how much of the disk that takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A kind of thing, where it is, and the bytes it takes on the disk."""

    what: str
    path: Path
    size: int


def places(cloud: Path, cache: Path) -> tuple[Place, ...]:
    """What `cloud.reset` empties, and the cache, which it empties when it is told to."""
    return (
        Place("layers", cloud / "layers", taken(_files(cloud / "layers"), shared=False)),
        Place("machines", cloud / "machines", taken(_files(cloud / "machines"))),
        Place("logs", cloud, taken(path for path in _children(cloud) if path.name.startswith("server."))),
        Place(
            "kept state", cloud, taken(path for path in _children(cloud) if path.name.startswith("state."))
        ),
        Place("cache", cache, taken(_files(cache))),
    )


def taken(files: Iterable[Path], *, shared: bool = True) -> int:
    """The bytes these files take; shared: also of those with a second name elsewhere, as in the cache."""
    total = 0
    for path in files:
        try:
            found = path.lstat()
        except OSError:  # just removed
            continue
        total += found.st_blocks * 512 if shared or found.st_nlink == 1 else 0
    return total


def readable(size: int) -> str:
    """Bytes for people: 0.4 MiB, 12 MiB, 1.3 GiB."""
    mib = size / (1 << 20)
    if mib >= 1024:
        return f"{mib / 1024:.1f} GiB"
    return f"{mib:.0f} MiB" if mib >= 10 or mib == 0 else f"{mib:.1f} MiB"


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _children(folder: Path) -> Iterable[Path]:
    return (path for path in folder.glob("*") if path.is_file())
