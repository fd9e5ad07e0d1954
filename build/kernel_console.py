"""Find kernel faults on a serial console: panics and oopses, and the stalls that a machine may recover from.

A console continues across boots. The kernel starts each of its lines with the seconds since its start,
"[   35.343297] ", often behind something that a program left on the same line. systemd forwards what services
write in the same form, but with the service's name before the text ("[   26.171649] cloud-init[448]: …"): a
fault must stand directly behind the stamp.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Literal, NamedTuple

Kind = Literal["panic", "oops", "soft lockup", "hard lockup", "rcu stall", "hung task"]

_REPORTED = {
    "panic": "panicked",
    "oops": "reported an oops",
    "soft lockup": "reported a soft lockup",
    "hard lockup": "reported a hard lockup",
    "rcu stall": "reported an RCU stall",
    "hung task": "reported a hung task",
}
# The header of an oops, "general protection fault, …: 0000 [#1] PREEMPT SMP": die() in the kernel. Not the
# name of a program that ran.
_DIE = r"(?!CPU: )[^\[\"'=]{1,160}: [0-9a-f]{4,16} \[#\d+\](?: |$)"
# Whoever runs a program names it, and the kernel begins the report of its crash with the name: "Oops: x[577]:
# segfault at 0 …".
_CRASH_OF_A_PROGRAM = re.compile(r".{1,15}\[\d+\]:? ")
_FORMS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("panic", re.compile(r"Kernel panic - not syncing: ")),
    (
        "oops",
        re.compile(
            r"Oops: |BUG: unable to handle |BUG: kernel NULL pointer dereference|kernel BUG at |Internal "
            rf"error: |{_DIE}"
        ),
    ),
    ("soft lockup", re.compile(r"(?:NMI )?watchdog: BUG: soft lockup - CPU#\d+ stuck for ")),
    ("hard lockup", re.compile(r"(?:NMI )?watchdog: .*hard LOCKUP on cpu \d+", re.IGNORECASE)),
    (
        "rcu stall",
        re.compile(r"(?:rcu: )?INFO: rcu_\w+ (?:self-detected stall|detected (?:expedited )?stalls) on CPU"),
    ),
    ("rcu stall", re.compile(r"rcu: rcu_\w+ kthread (?:timer wakeup didn't happen|starved) for \d+ jiffies")),
    ("hung task", re.compile(r"INFO: task .+:\d+ blocked (?:in I/O wait )?for more than \d+ seconds")),
)
_DIE_HEADER = re.compile(_DIE)
_LINE_END = re.compile(r"[\r\n]+")
# Not in a quotation, and not in a copy of the kernel's log that a program prints:
#   "sh[531]: [    0.000000] …", "kernel: [   35.343297] …"
# The kernel may add the thread or the processor that printed:
#   "[   35.343297][  T577] "
_STAMP = re.compile(r"""(?<!\]: )(?<!kernel:)(?<!kernel: )(?<!["'`])\[ *(\d+\.\d{6})\](?:\[ *[TC]\d+\])? """)
_BOOT = "Linux version "
_FIRMWARE = re.compile(r"BdsDxe: (?:loading|starting) Boot|EFI stub: |SeaBIOS \(version ")
# Stamps are not strictly in order: a processor that the host held up prints late, and systemd's clock drifts
# away from the kernel's.
_OUT_OF_ORDER_S = 5.0
_SAME_REPORT_S = 1.0


@dataclass(frozen=True)
class KernelFault:
    """One fault.

    ``seconds`` are since the kernel's start, ``restarts`` says how often the machine has started again since.
    """

    kind: Kind
    seconds: float
    message: str
    restarts: int = 0

    @property
    def is_fatal(self) -> bool:
        """Whether the machine is unreliable from now on; false for a stall, which a busy host causes too."""
        return self.kind in ("panic", "oops")

    @property
    def is_in_this_boot(self) -> bool:
        """Whether the machine has not started again since."""
        return self.restarts == 0

    def __str__(self) -> str:
        again = "; it has started again since" if self.restarts else ""
        return (
            f"the machine's kernel {_REPORTED[self.kind]} {self.seconds:.1f} s after its start: "
            f"{self.message}{again}"
        )


def faults(console: str) -> list[KernelFault]:
    """Every fault on a console, the oldest first.

    The oops that leads to a panic is part of it, as are the further lines of one stall's report.
    """
    boots = [_Boot()]
    for line in _LINE_END.split(console):
        if _FIRMWARE.search(line) and boots[-1].has_begun:
            boots.append(_Boot())
        for seconds, text in _stamped(line):
            if boots[-1].ends_before(seconds, text):
                boots.append(_Boot())
            boots[-1].read(seconds, text)
    return [
        replace(fault, restarts=len(boots) - number)
        for number, boot in enumerate(boots, start=1)
        for fault in boot.faults()
    ]


def newest(found: list[KernelFault]) -> list[KernelFault]:
    """What to tell of many: the newest panic or oops, and the newest stall if it came later."""
    fatal = [fault for fault in found if fault.is_fatal][-1:]
    later = found[found.index(fatal[0]) + 1 :] if fatal else found
    return [*fatal, *later[-1:]]


def _stamped(line: str) -> Iterator[tuple[float, str]]:
    """The kernel's stamps in a line of the console, each with the text behind it."""
    stamps = list(_STAMP.finditer(line))
    for stamp, following in zip_longest(stamps, stamps[1:]):
        text = line[stamp.end() : following.start() if following else None]
        yield float(stamp[1]), text.partition("\x1b")[0].strip()


class _Line(NamedTuple):
    kind: Kind
    seconds: float
    text: str

    def as_fault(self) -> KernelFault:
        return KernelFault(self.kind, self.seconds, self.text)


@dataclass
class _Boot:
    """The faults of one boot, line by line."""

    last: float = 0.0
    has_begun: bool = False
    lines: list[_Line] = field(default_factory=list)

    def ends_before(self, seconds: float, text: str) -> bool:
        """Whether a line belongs to the next boot."""
        went_back = seconds < self.last / 2 and seconds < self.last - _OUT_OF_ORDER_S
        return self.has_begun and (went_back or text.startswith(_BOOT))

    def read(self, seconds: float, text: str) -> None:
        self.last, self.has_begun = seconds, True
        kind = next((kind for kind, form in _FORMS if form.match(text)), None)
        if kind and not _CRASH_OF_A_PROGRAM.match(text):
            self.lines.append(_Line(kind, seconds, text))

    def faults(self) -> list[KernelFault]:
        return sorted([*self._fatal(), *self._stalls()], key=lambda fault: fault.seconds)

    def _fatal(self) -> list[KernelFault]:
        """The panic with its reason if there is one, else each oops."""
        panic = next((number for number, line in enumerate(self.lines) if line.kind == "panic"), None)
        oopses = list(_reports(line for line in self.lines[:panic] if line.kind == "oops"))
        if panic is None:
            return [line.as_fault() for line in oopses]
        found = self.lines[panic].as_fault()
        return [replace(found, message=f"{oopses[0].text} ({found.message})") if oopses else found]

    def _stalls(self) -> list[KernelFault]:
        found: list[KernelFault] = []
        seen: dict[Kind, float] = {}
        for kind, seconds, text in self.lines:
            if kind not in ("panic", "oops") and seconds - seen.get(kind, -_SAME_REPORT_S) >= _SAME_REPORT_S:
                found.append(KernelFault(kind, seconds, text))
            seen[kind] = seconds
        return found


def _reports(lines: Iterable[_Line]) -> Iterator[_Line]:
    """The first line of each oops: "BUG: …" is said before the header, "Oops: … [#1]", of the same report."""
    goes_on = False
    for line in lines:
        if not goes_on:
            yield line
        goes_on = not _DIE_HEADER.match(line.text)
