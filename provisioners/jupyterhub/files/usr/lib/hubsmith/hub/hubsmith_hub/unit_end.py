"""Why a server's unit has ended, in words for its user, from the journal.

Units of servers are forgotten as soon as they have ended (CollectMode=inactive-or-failed), so systemctl has
nothing to say of them. systemd writes the same into the journal, in fields that no user can fill: lines with
_PID=1, and the kernel's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_PATIENCE_S = 20
"""More than a journal needs on a busy machine. A page that comes late is better than one without a reason."""
_LINES, _LINE_LENGTH = 10, 300
_READ = "--lines=500"
# systemd.journal-fields(7), and sd-messages.h
_STARTED = "39f53479d3a045ac8e11786248231fbf"
_EXITED = "98e322203f7a4ed290d09fe03c09fe15"
_FAILED = "d9b373ed55a64feb8242e02dbe79a49c"
_OUT_OF_MEMORY = "fe6faa94e7774663a0da52717891d8ef"
_KILLER = "oom-kill:constraint="
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PROGRAM_NOT_STARTED = range(200, 246)
"""systemd.exec(5), "Process Exit Codes": systemd itself gave up before the program ran."""
_KNOWN = {
    200: "The server could not start because your home folder cannot be opened.",
    203: "The server could not start because its program is missing or may not be run.",
}
_QUOTA = re.compile(r"Disk quota exceeded|\[Errno 122\]")
_FULL = re.compile(r"No space left on device|\[Errno 28\]")


@dataclass(frozen=True)
class End:
    """What the journal has of one run of a unit."""

    started: bool = False
    """Whether systemd has started it at all."""
    result: str = ""
    """systemd's, such as exit-code, signal, oom-kill, timeout; empty where none is known."""
    code: str = ""
    """How its main process ended: exited, killed or dumped."""
    status: str = ""
    """Its exit status or signal, as systemd writes it: 1/FAILURE, 9/KILL, 203/EXEC."""
    ran_out_of_memory: bool = False
    within_own_limit: bool = True
    """Whether it was the limit of its user that was reached, not what all users or the machine have."""
    lines: tuple[str, ...] = ()
    """The last that the server wrote."""

    def log(self) -> tuple[str, ...]:
        """Those lines, and systemd's own words for the end where it has said them."""
        facts = {"Result": self.result, "code": self.code, "status": self.status}
        told = ", ".join(f"{name}={value}" for name, value in facts.items() if value)
        return (*self.lines, f"systemd: {told}") if told else self.lines


async def read(unit: str, since: float, user_slice: str) -> End:
    """What the journal has of ``unit`` (a service, with its suffix) since that time, in seconds of the epoch.

    An empty End where the journal does not answer in time.
    """
    options = ("--output=json", "--all", "--no-pager", "--quiet", _READ, f"--since=@{since:.6f}")
    own = (f"_SYSTEMD_UNIT={unit}", "+", f"UNIT={unit}", "_PID=1")
    try:
        with contextlib.suppress(asyncio.TimeoutError):  # most is there without it
            await _journalctl("--sync")  # the server's last lines may still be on their way
        printed = await _journalctl(*options, *own)
        # Asked for by itself: what else the kernel writes may be more lines than are read.
        killer = await _journalctl(*options, f"--grep=^{_KILLER}", "_TRANSPORT=kernel")
    except (OSError, asyncio.TimeoutError):
        return End()
    return understood(
        (json.loads(line) for line in (*printed.splitlines(), *killer.splitlines())), unit, user_slice
    )


def understood(entries: Iterable[Mapping[str, Any]], unit: str, user_slice: str) -> End:
    """The end of ``unit`` from entries of the journal, each kind oldest first."""
    result = code = status = ""
    started, out_of_memory, within_own_limit, lines = False, False, True, []
    for entry in entries:
        message, kind = _text(entry.get("MESSAGE")), entry.get("MESSAGE_ID")
        if entry.get("_TRANSPORT") == "kernel":
            if message.startswith(_KILLER) and f"/{unit}," in message:
                out_of_memory, within_own_limit = True, f"/{user_slice}" in _limit_in(message)
        elif entry.get("_SYSTEMD_UNIT") == unit:
            lines += [line.rstrip()[:_LINE_LENGTH] for line in message.splitlines() if line.strip()]
        elif kind == _STARTED:
            started = True
        elif kind == _EXITED and "Main process" in message:
            code = _text(entry.get("EXIT_CODE"))
            status = found[1] if (found := re.search(r"status=(\S+)", message)) else ""
        elif kind == _FAILED:
            result = _text(entry.get("UNIT_RESULT"))
        elif kind == _OUT_OF_MEMORY:
            out_of_memory = True
    return End(started, result, code, status, out_of_memory, within_own_limit, tuple(lines[-_LINES:]))


def in_words(end: End, memory_bytes: int | None) -> str:
    """Why the server has ended, for its user, whose limit of memory this is."""
    if end == End():
        return "systemd could not start the server. The hub's log has the reason."
    killed = end.code in ("killed", "dumped")
    if end.result == "oom-kill" or (end.ran_out_of_memory and killed):
        if end.within_own_limit and memory_bytes:
            limit = _amount(memory_bytes)
            return f"The server was ended because it used more memory than your limit of {limit}."
        return "The server was ended because the machine has no memory left: all servers together use it."
    if end.result == "timeout":
        return "The server was ended because it took too long."
    if killed:
        return f"The server was ended by the signal {end.status.partition('/')[2] or end.status}."
    return _of_its_own(end)


def _of_its_own(end: End) -> str:
    number, _, name = end.status.partition("/")
    status = int(number) if number.isdigit() else 0
    if status in _KNOWN:
        return _KNOWN[status]
    if status in _PROGRAM_NOT_STARTED:
        return f"The server could not start: systemd reports {name or status}."
    if status and any(_QUOTA.search(line) for line in end.lines):
        return "The server ended because your disk space is used up."
    if status and any(_FULL.search(line) for line in end.lines):
        return "The server ended because its disk is full."
    return f"The server ended with status {status}." if status else "The server ended by itself."


def _amount(size: int) -> str:
    """2 GB, 1.5 GB, 512 MB: units as in hub.mem_limit, where 2G are 2 GiB."""
    if size < 2**30:
        return f"{size // 2**20} MB"
    return f"{size / 2**30:.1f}".removesuffix(".0") + " GB"


def _limit_in(message: str) -> str:
    """The cgroup whose limit was reached; empty where it was the machine's memory."""
    found = re.search(r"oom_memcg=([^,]*)", message)
    return found[1] if found else ""


def _text(value: object) -> str:
    """journalctl prints what is not plain text as a list of bytes."""
    if isinstance(value, list):
        value = bytes(value).decode(errors="replace")
    return _COLOURS.sub("", value) if isinstance(value, str) else ""


async def _journalctl(*arguments: str) -> str:
    """Raises OSError, and TimeoutError."""
    process = await asyncio.create_subprocess_exec(
        "/usr/bin/journalctl", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), _PATIENCE_S)
    except asyncio.TimeoutError:
        process.kill()
        raise
    return printed.decode(errors="replace")
