"""What there is of a cloud and what runs, seen without changing anything."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from build import paths
from build.localcloud import usage
from build.localcloud.endpoint import Endpoint, find


@dataclass(frozen=True)
class Status:
    """What is there: the endpoint if the server is up, the machines that run with their process ids, memory of the server."""

    endpoint: Endpoint | None
    folder: Path
    log: Path
    machines: dict[str, int]
    resident_mib: int | None
    places: tuple[usage.Place, ...]
    roots: Path  # the root certificates, PEM, the newest first, of what the cloud issues


def default_folder() -> Path:
    """The cloud of this user."""
    return paths.state_dir() / "cloud"


def folder_of(state: Path | None) -> Path:
    """The folder of a cloud; None: of this user's."""
    return (state or default_folder()).absolute()


def machines(folder: Path) -> dict[str, int]:
    """The machines of a cloud that run: instance id -> process id."""
    from build.localcloud.machine import Machine

    places = sorted((folder / "machines").glob("i-*"))
    return {place.name: pid for place in places if (pid := Machine(place, place).pid) is not None}


def status(state: Path | None = None) -> Status:
    """What runs, without changing anything."""
    folder = folder_of(state)
    endpoint = find(folder)
    resident = _resident_mib(endpoint.pid) if endpoint else None
    places = usage.places(folder, paths.cache_dir())
    return Status(endpoint, folder, folder / "server.log", machines(folder), resident, places, folder / "acme" / "roots.pem")


def _resident_mib(pid: int) -> int | None:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20
