"""How QEMU emulates a machine's processors (TCG) when KVM does not run them: each in a thread of its own.

With threads a build makes its image in six minutes instead of nine, but QEMU loses what is written to devices when two things coincide.
Before 8.2 it lets a processor see a changed memory map before its own cached view of the old one is flushed ("softmmu: Use
async_run_on_cpu in tcg_commit" mended it). While one processor of a guest sets a PCI device up, as Linux does at every boot, what another
one writes in that moment can go to the wrong device. When that is the end of its timer's interrupt, no timer ever wakes that processor
again: the guest boots, is silent, and says "rcu_preempt kthread timer wakeup didn't happen" on its console: one boot in some hundreds. A
guest of QEMU 10.0.2 stood still in the same way while it booted.

So a base image boots with one processor (maxcpus=1) and starts the others when its devices are set up: debian's
scripts/local-bottom/other-processors; tiny stays with one. What is left, and rare, is a volume that is attached to a running machine.

QEMU 7.2 keeps translated code by the address it runs at. Linux has each process run its code at addresses of its own (ASLR), so nearly
all of it was translated anew for nearly each process: 100 times /bin/true took 2.3 s, and 0.65 s with the same addresses every time. So
a base image turns that off where it finds its processor emulated (debian's scripts/init-top/addresses, tiny's init), and only there.
The tests of a candidate translate about 1000 MiB; with room for 256 it was full, and begun again, every 20 seconds of them.
"""

from __future__ import annotations

import os
import subprocess

_LEAST_MIB, _MOST_MIB = 256, 1024  # of translated code kept in memory for a machine; QEMU's own choice is the most
_SHARE = 16  # of this machine's memory, at most one part in so many


def version() -> str:
    """The first line of what QEMU says of itself, "QEMU emulator version 7.2.22 (…)"; "" without a QEMU that runs."""
    try:
        done = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.partition("\n")[0]


def accel_option() -> str:
    """What -accel is told."""
    return f"tcg,thread=multi,tb-size={translations_mib(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'))}"


def translations_mib(memory_bytes: int) -> int:
    """How much translated code a machine may keep, where this machine has so much memory. When it is full, all of it is made again."""
    return min(max(memory_bytes // 2**20 // _SHARE, _LEAST_MIB), _MOST_MIB)
