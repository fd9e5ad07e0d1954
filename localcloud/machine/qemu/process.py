"""A daemon known by its pid file.

The kernel's pidfd says when it ends, and never means a later process of the same number.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from build.errors import MachineError

START_TIMEOUT_S = 120.0
_STAMP = re.compile(r"^\S+Z \S*qemu-system-x86_64: ", re.MULTILINE)


def start(command: list[str], log: Path, environment: Mapping[str, str] = MappingProxyType({})) -> None:
    """Run QEMU, with ``environment`` added to its own, until it has become a daemon.

    Raises MachineError with what it said, there or in its log.
    """
    log.unlink(missing_ok=True)
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=START_TIMEOUT_S,
        )
    except FileNotFoundError:
        raise MachineError(f"{command[0]} is not installed", hint="apt install qemu-system-x86") from None
    except subprocess.TimeoutExpired:
        raise MachineError(
            f"QEMU did not start within {START_TIMEOUT_S:g} s", hint=f"its log is {log}"
        ) from None
    if done.returncode != 0:
        # A daemon's errors go to its log as soon as that is open.
        logged = log.read_text() if log.exists() else ""
        said = _STAMP.sub("", done.stderr + logged).strip()
        raise MachineError(f"QEMU did not start: {said or f'exit code {done.returncode}'}")


def pid_of(pid_file: Path) -> int | None:
    """The process that was started with this very pid file; None when there is none, or a zombie only."""
    with _opened(pid_file, pid_file) as process:
        return process.pid if process else None


def wait_ended(pid_file: Path, timeout_s: float, *, named_by: Path | None = None) -> bool:
    """Wait until that process has ended; False when it still runs after timeout_s seconds.

    named_by: the file its command line names, when that is another than the pid file.
    """
    with _opened(pid_file, named_by or pid_file) as process:
        return process is None or bool(select.select([process.descriptor], [], [], timeout_s)[0])


def kill(pid_file: Path, *, named_by: Path | None = None) -> None:
    """SIGKILL it, if it runs; named_by as for wait_ended."""
    with _opened(pid_file, named_by or pid_file) as process, contextlib.suppress(ProcessLookupError):
        if process is not None:
            signal.pidfd_send_signal(process.descriptor, signal.SIGKILL)


class _Process(NamedTuple):
    pid: int
    descriptor: int  # a pidfd


@contextlib.contextmanager
def _opened(pid_file: Path, named_by: Path) -> Iterator[_Process | None]:
    try:
        pid = int(pid_file.read_text())
        process = _Process(pid, os.pidfd_open(pid))
    except (FileNotFoundError, ValueError, ProcessLookupError):
        yield None
        return
    try:
        # Read after opening: if the command line is ours now, the pidfd is ours. A zombie has none.
        yield process if os.fsencode(named_by) in _command_line(pid) else None
    finally:
        os.close(process.descriptor)


def _command_line(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
