"""The ports one cloud listens on: chosen once and kept in its folder, as guests and clients remember them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import threading
from pathlib import Path

from build.errors import MachineError

ADDRESS = "127.0.0.1"
FILE_NAME = "ports.json"
# Below the ports Linux gives to outgoing connections (32768 and up), so that none of these has taken a port
# while the cloud is down.
FIRST, COUNT = 20000, 10000


class Ports:
    """The ports of the cloud in that folder, by what listens on them."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._digest = int.from_bytes(hashlib.sha256(os.fsencode(folder.absolute())).digest()[:4], "big")
        self._chosen: dict[str, int] = {}
        self._lock = threading.RLock()
        with contextlib.suppress(FileNotFoundError, ValueError):
            self._chosen = dict(json.loads(self._path.read_text(encoding="utf-8")))

    def choose(self, name: str, *preferred: int) -> int:
        """A free port: the one this cloud had, else a preferred one, else any; kept."""
        with self._lock:
            return self._choose(name, preferred)

    def _choose(self, name: str, preferred: tuple[int, ...]) -> int:
        known = [self._chosen[name]] if name in self._chosen else []
        taken = {port for other, port in self._chosen.items() if other != name}
        for port in (*known, *preferred, *self._others()):
            if port not in taken and is_free(port):
                self.keep(name, port)
                return port
        raise MachineError(f"no port from {FIRST} to {FIRST + COUNT - 1} is free on {ADDRESS}")

    def keep(self, name: str, port: int) -> None:
        """Remember a port somebody else has chosen."""
        with self._lock:
            self._chosen[name] = port
            draft = self._path.with_suffix(".new")
            draft.write_text(json.dumps(self._chosen), encoding="utf-8")
            draft.replace(self._path)

    def _others(self) -> list[int]:
        """Start where the folder's name says: clouds seldom meet, and a new one mostly gets the old ports."""
        return [FIRST + (self._digest + number) % COUNT for number in range(COUNT)]


def is_free(port: int) -> bool:
    """Can both a TCP and a UDP server listen there?"""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, port))
            except OSError:
                return False
    return True
