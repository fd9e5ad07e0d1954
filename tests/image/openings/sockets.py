"""Run in a notebook: sockets of others that it can connect to, by path, name and address; buses."""

from __future__ import annotations

import errno
import os
import re
import selectors
import socket
import struct
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

PATIENCE_S = 3
_KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET)
# Questions that what listens there would answer: of DNS, for localhost, and of NTP.
_DNS = b"\x47\x11\x01\0\0\x01\0\0\0\0\0\0\x09localhost\0\0\x01\0\x01"
_QUESTIONS = {53: _DNS, 123: b"\x23" + bytes(47)}
_LISTENING = {"tcp": "0A", "udp": "07"}


def collect(facts: dict[str, Any]) -> list[str]:
    """One line for each opening."""
    return [*_by_path(facts["sockets"]), *_by_name(), *_on_loopback(), *_by_address(facts["addresses"])]


def _peer(address: str | bytes) -> int | None:
    """The number of the user who listens there (-1: it cannot be told); None when nobody answers."""
    for kind in _KINDS:
        with socket.socket(socket.AF_UNIX, kind) as probe:
            probe.settimeout(PATIENCE_S)
            try:
                probe.connect(address)
            except OSError:
                continue
            uid: int = struct.unpack("iii", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
            return uid
    return None


def _by_path(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        if _peer(path) not in (None, os.getuid()):
            yield f"socket: {path}"
            if re.search(r"bus|/private$", path):
                yield from (f"dbus: {name} at {path}" for name in _names(path))


def _names(path: str) -> list[str]:
    """Who is on the bus, or could be started there; none when it is no bus."""
    ask = [
        "/usr/bin/busctl",
        f"--address=unix:path={path}",
        "list",
        "--acquired",
        "--activatable",
        "--no-legend",
        "--no-pager",
    ]
    done = subprocess.run(ask, capture_output=True, text=True, timeout=60, check=False)
    return sorted({line.split()[0] for line in done.stdout.splitlines() if line.strip()})


def _by_name() -> Iterator[str]:
    """Abstract sockets, which belong to a network namespace."""
    names = {
        line.split()[7]
        for line in Path("/proc/net/unix").read_text().splitlines()[1:]
        if len(line.split()) > 7
    }
    for name in sorted(name for name in names if name.startswith("@")):
        if _peer(b"\0" + name[1:].encode()) not in (None, os.getuid()):
            yield f"abstract socket: {name}"


def _on_loopback() -> Iterator[str]:
    """What others listen with in this very network namespace."""
    for name, state in _LISTENING.items():
        for family in ("", "6"):
            file = Path(f"/proc/net/{name}{family}")
            for words in (line.split() for line in file.read_text().splitlines()[1:] if file.exists()):
                if words[3] == state and int(words[7]) != os.getuid():
                    yield f"network: {name} own namespace:{int(words[1].rpartition(':')[2], 16)}"


def _by_address(addresses: Iterable[tuple[str, str, str, int]]) -> Iterator[str]:
    """Which of them answer: (what it is called, tcp or udp, address, port). All are asked at once."""
    with selectors.DefaultSelector() as waiting:
        for called, protocol, address, port in addresses:
            if probe := _asked(protocol, address, port):
                event = selectors.EVENT_WRITE if protocol == "tcp" else selectors.EVENT_READ
                waiting.register(probe, event, f"network: {protocol} {called}")
        while answered := waiting.select(PATIENCE_S):
            for key, _ in answered:
                probe = _unregistered(waiting, key)
                if _is_open(probe, key.events):
                    yield str(key.data)
                probe.close()
        for key in list(waiting.get_map().values()):
            _unregistered(waiting, key).close()


def _unregistered(waiting: selectors.DefaultSelector, key: selectors.SelectorKey) -> socket.socket:
    found = waiting.unregister(key.fileobj).fileobj
    assert isinstance(found, socket.socket)
    return found


def _asked(protocol: str, address: str, port: int) -> socket.socket | None:
    """A socket to which an answer is on its way, or None when it is refused at once."""
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    probe = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    probe.setblocking(False)
    try:
        told = probe.connect_ex((address, port))
        if protocol == "udp" and told == 0:
            probe.send(_QUESTIONS.get(port, b"\0"))
    except OSError as exc:
        told = exc.errno or errno.EIO
    if told in (0, errno.EINPROGRESS):
        return probe
    probe.close()
    return None


def _is_open(probe: socket.socket, events: int) -> bool:
    try:
        if events == selectors.EVENT_READ:
            return bool(probe.recv(512))
        return probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    except OSError:
        return False
