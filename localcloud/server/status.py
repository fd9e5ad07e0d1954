"""What there is of a cloud, what runs and what failed in it, seen without changing anything."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from build import kernel_console, paths
from build.kernel_console import KernelFault
from localcloud.server import disk_usage
from localcloud.server.endpoint import Endpoint, find

_TAIL_BYTES = 256 << 10


@dataclass(frozen=True)
class Status:
    """What is there: the endpoint if the server is up, the machines that run with their process ids, memory
    of the server.

    ``kernel_faults`` has the newest of each machine that runs and has any.
    """

    endpoint: Endpoint | None
    folder: Path
    log: Path
    machines: dict[str, int]
    kernel_faults: dict[str, list[KernelFault]]
    resident_mib: int | None
    places: tuple[disk_usage.Place, ...]
    roots: Path  # the root certificates, PEM, the newest first, of what the cloud issues


def default_folder() -> Path:
    """The cloud of this user."""
    return paths.state_dir() / "cloud"


def folder_of(state: Path | None) -> Path:
    """The folder of a cloud; None: of this user's."""
    return (state or default_folder()).absolute()


def machines(folder: Path) -> dict[str, int]:
    """The machines of a cloud that run: instance id -> process id."""
    from localcloud.machine.machine import Machine

    places = sorted((folder / "machines").glob("i-*"))
    return {place.name: pid for place in places if (pid := Machine(place, place).pid) is not None}


def kernel_faults(console: Path) -> list[KernelFault]:
    """The newest kernel faults in a machine's console file; only the end of the file is read."""
    try:
        with console.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return kernel_console.newest(kernel_console.faults(text))


def status(state: Path | None = None) -> Status:
    """What runs, without changing anything."""
    folder = folder_of(state)
    endpoint = find(folder)
    resident = _resident_mib(endpoint.pid) if endpoint else None
    places = disk_usage.places(folder, paths.cache_dir())
    running = machines(folder)
    faults = {
        name: found
        for name in running
        if (found := kernel_faults(folder / "machines" / name / "console.log"))
    }
    return Status(
        endpoint,
        folder,
        folder / "server.log",
        running,
        faults,
        resident,
        places,
        folder / "acme" / "roots.pem",
    )


def _resident_mib(pid: int) -> int | None:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20
