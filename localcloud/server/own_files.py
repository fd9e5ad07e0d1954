"""What Hubsmith makes in the folder of a cloud and in the cache: `cloud.reset` removes that and nothing else.

HUBSMITH_STATE and HUBSMITH_CACHE may name a folder that has other things in it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from build.errors import UserError

_ID = "[0-9a-f]" * 17
_PER_CLOUD = (
    "state.pickle",
    "state.new",
    f"machines/i-{_ID}",
    f"objects/{'[0-9a-f]' * 64}*",
    *(f"layers/{kind}-{_ID}*.qcow2" for kind in ("ami", "snap", "vol")),
)
CLOUD: Sequence[str] = (
    *_PER_CLOUD,
    *(f"unreadable-[0-9]*-[0-9]*/{pattern}" for pattern in _PER_CLOUD),
    *(
        "state.ballast",
        "daemon.lock",
        "endpoint.json",
        "endpoint.json.new",
        "ports.json",
        "ports.new",
        "consistency.json",
        "consistency.new",
        "reserve",
    ),
    *("server.log", "server.log.[0-9]", "server.out"),
    *(f"acme/{name}.pem" for name in ("ca", "certificate", "key", "roots")),
    *(f"acme/pebble.{ending}" for ending in ("json", "log", "pid")),
)
"""Patterns of what is in the folder of a cloud; folders that match go with all they hold."""
_BASE = ("tiny", "debian-[0-9][0-9]")
_APT = ("lists", "cache", "debs", "status", "sources.list", "apt.conf", "lock*", "*.list")
CACHE: Sequence[str] = (
    *(
        f"base/{family}-amd64-{'[0-9]' * 8}-{'[0-9]' * 4}.{ending}"
        for family in _BASE
        for ending in ("qcow2", "json")
    ),
    *(f"base/.{family}.lock" for family in _BASE),
    *(f"base/.building-{family}-*" for family in _BASE),
    *(f"packages/{release}/{name}" for release in ("bookworm*", "trixie*") for name in _APT),
    *("qemu/.lock", "qemu/.fetching-*", "qemu/[0-9]*.[0-9]*/usr", "kvm.json"),
    f"conda/{'[0-9a-f]' * 8}.*",
)
"""Patterns of what is in the cache."""


def contents(folder: Path, patterns: Sequence[str]) -> tuple[Path, ...]:
    """What Hubsmith has made in a folder; nothing where there is no such folder."""
    return tuple(sorted({path for pattern in patterns for path in folder.glob(pattern)}))


def check(folder: Path, patterns: Sequence[str], variable: str) -> None:
    """Raise UserError for a folder that holds something, and nothing that Hubsmith has made."""
    if not folder.exists() or contents(folder, patterns):
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise UserError(
            f"{folder} holds nothing that Hubsmith has made: nothing was removed",
            hint=f"check {variable}: it names the folder that Hubsmith keeps its own files in",
        )


def remove(folder: Path, patterns: Sequence[str]) -> None:
    """Remove what Hubsmith has made, and the folders that are empty then."""
    made = contents(folder, patterns)
    for path in made:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for place in (*_between(folder, made, patterns), folder):
        if place.is_dir() and not place.is_symlink() and not any(place.iterdir()):
            place.rmdir()


def _between(folder: Path, made: Sequence[Path], patterns: Sequence[str]) -> Iterator[Path]:
    """The folders that the patterns name on the way, the deepest first."""
    on_the_way = {parent for path in made for parent in path.parents if folder in parent.parents}
    named = {
        place
        for pattern in patterns
        for parent in list(Path(pattern).parents)[:-1]
        for place in folder.glob(str(parent))
    }
    yield from sorted(on_the_way | named, key=lambda place: len(place.parts), reverse=True)
