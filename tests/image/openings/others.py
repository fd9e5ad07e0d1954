"""Run in a notebook: others' processes, IPC objects and keys, and the notebook's own privileges."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_IPC = {"shm": "shared memory", "sem": "semaphores", "msg": "message queue"}
_UID_COLUMN = {"shm": 7, "sem": 4, "msg": 7}


def collect(facts: dict[str, Any]) -> list[str]:
    """One line for each opening."""
    return [*_processes(facts["processes"]), *_ipc(), *_keys(), *_privileges(facts["groups"])]


def _name(uid: int) -> str:
    if uid == os.getuid():
        return "the user"
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"number {uid}"


def _processes(known: list[int]) -> Iterator[str]:
    """Those in /proc, and those that root knows of: who guesses a number may send a signal to it."""
    # the slice of the user, without the unit
    own = Path("/proc/self/cgroup").read_text().rpartition("/")[0] + "/"
    for pid in sorted({*known, *(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())}):
        folder = Path("/proc", str(pid))
        try:
            inside = (folder / "cgroup").read_text().startswith(own)
        except OSError:
            inside = False
        ways = [] if inside else list(_ways_to(pid, folder))
        if ways:
            yield f"process: {_called(folder)} ({', '.join(ways)})"


def _called(folder: Path) -> str:
    try:
        return f"{(folder / 'comm').read_text().strip()} of {_name(folder.stat().st_uid)}"
    except OSError:
        return "one that cannot be seen"


def _ways_to(pid: int, folder: Path) -> Iterator[str]:
    if folder.exists():
        yield "see"
    try:
        os.kill(pid, 0)
        yield "signal"
    except OSError:
        pass
    try:
        with (folder / "mem").open("rb"):  # the same question as ptrace(2) asks
            yield "trace"
    except OSError:
        pass


def _ipc() -> Iterator[str]:
    for kind, called in _IPC.items():
        for line in Path(f"/proc/sysvipc/{kind}").read_text().splitlines()[1:]:
            if (uid := int(line.split()[_UID_COLUMN[kind]])) != os.getuid():
                yield f"ipc: {called} of {_name(uid)}"
    for folder in (Path("/dev/shm"), Path("/dev/mqueue")):
        for path in folder.iterdir() if os.access(folder, os.R_OK) else ():
            if path.lstat().st_uid != os.getuid():
                yield f"ipc: {path}"


def _keys() -> Iterator[str]:
    """Of the kernel's key rings (keyrings(7)); columns as in proc_keys(5)."""
    for line in Path("/proc/keys").read_text().splitlines():
        words = line.split(None, 8)
        if int(words[5]) != os.getuid():
            yield f"key: {words[7]} {words[8].partition(':')[0]} of {_name(int(words[5]))}"


def _privileges(expected: list[int]) -> Iterator[str]:
    status = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line
    )
    if status["NoNewPrivs"] != "1":
        yield "privilege: programs with the setuid bit"
    if status["Seccomp"] != "2":
        yield "privilege: every system call"
    for which in ("CapPrm", "CapEff", "CapAmb"):
        if int(status[which], 16):
            yield f"privilege: capabilities {status[which]} ({which})"
    for gid in sorted(set(os.getgroups()) - set(expected)):
        yield f"privilege: group {grp.getgrgid(gid).gr_name}"
