"""What ran out for the programs of this server: memory, or the number of processes.

The kernel counts it in the cgroups of the server's unit and of its user's slice, which everybody may read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hubsmith_server.message import ERROR, Message, amount

KEPT_S = 600
"""A page that is opened later than this says nothing of an event."""
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Counts:
    """How often each has happened since the cgroups were made."""

    killed: int = 0
    """Processes of this server that were killed because memory ran out."""
    own_limit: int = 0
    """Times at which the limit of the server or of its user was reached; otherwise it was all users' or the
    machine's memory.
    """
    refused: int = 0
    """Processes and threads that did not start because of the limit on their number."""


def read() -> Counts:
    """The counts now; 0 for what the kernel does not tell."""
    unit = _unit()
    if unit is None:
        return Counts()
    both = (unit, unit.parent)
    # memory.events has the events of cgroups below as well; .local only those of the limit that was reached.
    return Counts(
        killed=_count(unit / "memory.events", "oom_kill"),
        own_limit=sum(_count(each / "memory.events.local", "oom") for each in both),
        # Before Linux 6.11 it is counted where the process would have been, later where the limit is.
        refused=sum(_count(each / "pids.events", "max") for each in both),
    )


class Watch:
    """Turns new counts into messages, each of which is there for a while."""

    def __init__(
        self, counts: Callable[[], Counts] = read, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._counts, self._now_s = counts, now_s
        self._before = counts()
        self._messages: dict[str, tuple[float, Message]] = {}

    def messages(self) -> list[Message]:
        """What has run out in the last KEPT_S seconds."""
        now, counts, before = self._now_s(), self._counts(), self._before
        self._before = counts
        if counts.killed > before.killed:
            own = counts.own_limit > before.own_limit
            self._add(now, Message(f"memory-{counts.killed}", ERROR, _of_memory(own_limit=own)))
        if counts.refused > before.refused:
            # One message for all of them: a program that cannot start a process often tries again.
            self._add(now, Message("processes", ERROR, _of_processes()))
        self._messages = {key: one for key, one in self._messages.items() if now - one[0] < KEPT_S}
        return [message for _, message in self._messages.values()]

    def _add(self, now: float, message: Message) -> None:
        self._messages[message.id] = now, message


def _of_memory(*, own_limit: bool) -> str:
    limit = os.environ.get("MEM_LIMIT", "")
    if not own_limit or not limit.isdigit():
        return (
            "A kernel or another of your programs was ended because the hub has no memory left: all users "
            "together use it."
        )
    return (
        f"A kernel or another of your programs was ended because it used more memory than your limit of "
        f"{amount(int(limit))}."
    )


def _of_processes() -> str:
    unit = _unit()
    limit = _first_word(unit / "pids.max") if unit else ""
    number = f" ({limit})" if limit.isdigit() else ""
    return (
        f"You have as many processes and threads as you may have{number}. A program could not start another."
    )


def _unit() -> Path | None:
    """The cgroup of this server's unit."""
    try:
        path = _OWN_CGROUP.read_text(encoding="ascii").strip().rpartition("::/")[2]
    except (OSError, ValueError):
        return None
    return _CGROUPS / path if path else None


def _count(file: Path, name: str) -> int:
    try:
        for line in file.read_text(encoding="ascii").splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    except (OSError, ValueError):
        pass
    return 0


def _first_word(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
