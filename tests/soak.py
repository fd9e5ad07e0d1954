"""`make bench-cloud ARGS=--soak`: does the QEMU that emulates machines here make them panic or stand still?

Two measurements, on machines with two processors:

- rounds: a Debian machine has its kernel change its own code under load, again and again. Three shells are
  busy; the foreground switches a static key (sched_schedstats) on and off, and every fourth time starts a
  unit with a CPUQuota=, which switches another one. QEMU 7.2 with a thread for each processor panics within
  150 rounds: localcloud/machine/qemu/emulation.py says why.
- boots: the tiny image boots until it greets on its console.

What was done is kept in the cache by QEMU version and threads, so an interrupted run goes on where it was. A
QEMU that has failed once is measured no further. HUBSMITH_QEMU=FILE measures another QEMU than the one that
machines get, --threads=multi (or single) another mode.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from build import kernel_console
from build.paths import cache_dir
from localcloud import base_image
from localcloud.machine import emulator
from localcloud.machine.imds_server import InstanceMetadata, MetadataServer, identity_document, tree
from localcloud.machine.layer_store import LayerStore
from localcloud.machine.machine import Drive, Machine, MachineSpec
from localcloud.machine.qemu import emulation, program
from tests.cloud.guest import FACTS

ROUNDS, BOOTS = 4000, 1000
AT_ONCE = 2  # boots
SILENT_S = 300.0  # a machine that says nothing for so long stands still
GREETING = "tiny (busybox on a Debian kernel)"
_TAIL = 65536  # characters of a console that are looked at for a panic
_STEP = 25  # rounds between two lines on the console


def script(rounds: str, say: str) -> str:
    """Shell lines, for root, that do so many rounds ("150", or "inf" for ever) and run the command ``say``
    after every few.
    """
    return f"""\
for i in 1 2 3; do (while :; do :; done) & busy="$busy $!"; done
n=0
until [ $n = {rounds} ]; do
    n=$((n + 1))
    echo 1 > /proc/sys/kernel/sched_schedstats
    echo 0 > /proc/sys/kernel/sched_schedstats
    [ $((n % 4)) = 0 ] && systemd-run -q --wait -p CPUQuota=50% true
    [ $((n % {_STEP})) = 0 ] && {say}
done
kill $busy
"""


# The console is opened anew each time: a getty that starts hangs up whoever has it open.
_USER_DATA = "#!/bin/bash\n" + script("inf", 'echo "SOAK round $n" > /dev/ttyS0')


@dataclass(frozen=True)
class Record:
    """What one QEMU has done so far; ``failure`` says how it failed and is empty while it has not."""

    rounds: int = 0
    boots: int = 0
    seconds: float = 0.0
    failure: str = ""


class Failed(Exception):
    """A machine panicked or stands still."""


def main(arguments: list[str]) -> int:
    """Go on with the soak test of one QEMU to its end; 1 when it has failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its machines end with it
    emulator.ensure(_say)
    used = program.chosen("tcg")
    threads = next((word.partition("=")[2] for word in arguments if word.startswith("--threads=")), None)
    mode = threads or "single"
    book = Book(cache_dir() / "soak.json", f"{used.banner}, thread={mode}")
    _say(f"{book.name}: {book.record}")
    with emulated_with(mode):
        soak(book)
    sys.stdout.write(json.dumps({book.name: asdict(book.record)}, indent=2) + "\n")
    return 1 if book.record.failure else 0


@dataclass(frozen=True)
class Book:
    """The record of one QEMU in the file that has those of all."""

    file: Path
    name: str

    @property
    def record(self) -> Record:
        return Record(**self._all().get(self.name, {}))

    def add(self, seconds: float = 0.0, *, rounds: int = 0, boots: int = 0, failure: str = "") -> None:
        old = self.record
        new = replace(
            old,
            rounds=old.rounds + rounds,
            boots=old.boots + boots,
            seconds=round(old.seconds + seconds, 1),
            failure=failure,
        )
        self.file.write_text(json.dumps({**self._all(), self.name: asdict(new)}, indent=2) + "\n")

    def _all(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = json.loads(self.file.read_text()) if self.file.exists() else {}
        return found


def soak(book: Book, rounds: int = ROUNDS, boots: int = BOOTS) -> None:
    """Do what is left of the rounds, then of the boots; a failure is written into the book."""
    began = time.monotonic()

    def note(*, more_rounds: int = 0, more_boots: int = 0) -> None:
        nonlocal began
        began, before = time.monotonic(), began
        book.add(began - before, rounds=more_rounds, boots=more_boots)
        _say(f"{book.record}")

    try:
        if not book.record.failure and book.record.rounds < rounds:
            change_code(rounds - book.record.rounds, lambda done: note(more_rounds=done))
        while not book.record.failure and book.record.boots < boots:
            boot_tiny(min(AT_ONCE, boots - book.record.boots))
            note(more_boots=AT_ONCE)
    except Failed as problem:
        book.add(time.monotonic() - began, failure=str(problem))


def change_code(rounds: int, done: Callable[[int], None]) -> None:
    """Run rounds on one Debian machine; ``done`` gets how many there were since it was called last.

    Raises Failed.
    """
    with bare_machine("debian-13", _USER_DATA) as machine:
        seen = 0
        while seen < rounds:
            seen_before, text = seen, heard(machine, f"SOAK round {seen + _STEP}\r")
            seen = max(int(number) for number in re.findall(r"SOAK round (\d+)\r", text))
            done(seen - seen_before)


def boot_tiny(at_once: int) -> None:
    """Boot so many machines beside each other until all have greeted. Raises Failed."""
    with ExitStack() as stack:
        machines = [stack.enter_context(bare_machine("tiny")) for _ in range(at_once)]
        for machine in machines:
            heard(machine, GREETING)


@contextmanager
def bare_machine(family: str, user_data: str = "") -> Iterator[Machine]:
    """A machine of a base image that runs, without a cloud around it."""
    image = base_image.ensure(family, progress=_say)
    metadata = InstanceMetadata(tree(FACTS), user_data.encode(), identity_document(FACTS))
    with tempfile.TemporaryDirectory(prefix="hubsmith-soak-") as folder:
        layers = LayerStore(Path(folder) / "layers")
        layers.import_base("base", image.path)
        layers.create_overlay("root", "base", image.virtual_size_gib)
        machine = Machine(Path(folder) / FACTS.instance_id, Path(folder))
        server = MetadataServer(machine.metadata_socket, lambda: metadata)
        server.start()
        try:
            drive = Drive("root", layers.path("root"), boot=True)
            machine.start(MachineSpec(FACTS.instance_id, 2, 1024, FACTS.mac, (drive,)))
            yield machine
        finally:
            machine.quit()
            server.stop()


def heard(machine: Machine, words: str) -> str:
    """What the console says once it has said these words.

    Raises Failed when the kernel panics, or nothing more is said for long.
    """
    length, last = 0, time.monotonic()
    while words not in (text := machine.console().decode(errors="replace")):
        if fatal := [fault for fault in kernel_console.faults(text[-_TAIL:]) if fault.is_fatal]:
            raise Failed(str(fatal[0]))
        if len(text) > length:
            length, last = len(text), time.monotonic()
        if time.monotonic() > last + SILENT_S:
            raise Failed(f"said nothing for {SILENT_S:.0f} s; the end of its console: {text[-500:]!r}")
        time.sleep(0.2)
    return text


@contextmanager
def emulated_with(mode: str) -> Iterator[None]:
    """Machines that start in the block are emulated with thread=MODE, whatever is right for this QEMU."""
    usual = emulation.accel_option
    emulation.accel_option = lambda: re.sub("thread=[a-z]+", f"thread={mode}", usual())
    try:
        yield
    finally:
        emulation.accel_option = usual


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
