"""How QEMU emulates a machine's processors (TCG) when KVM does not run them: all in one thread, as QEMU loses interrupts between threads.

Before 8.2 it let a processor see a changed memory map before its own cached view of the old one was flushed ("softmmu: Use
async_run_on_cpu in tcg_commit" mended it). While one processor of a guest moves a PCI device, as Linux does at every boot, what another
one writes in that moment can go to the wrong device. When that is the end of its timer's interrupt, no timer ever wakes that processor
again: the guest boots, is silent, and says "rcu_preempt kthread timer wakeup didn't happen" on its console. A guest of QEMU 10.0.2 with
a thread for each processor stood still in the same way (a worker waiting for ever in schedule_timeout, while the keyboard was looked
for): one, in a whole run of the tests. Processors that take turns in one thread are never in that moment together. Threads would be
worth it: with them a machine of two processors boots in 36 s instead of 63 s.
"""

from __future__ import annotations

import subprocess

TRANSLATIONS_MIB = 256  # of translated code kept in memory; QEMU's own choice is 1024 for each machine


def version() -> str:
    """The first line of what QEMU says of itself, "QEMU emulator version 7.2.22 (…)"; "" without a QEMU that runs."""
    try:
        done = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.partition("\n")[0]


def accel_option() -> str:
    """What -accel is told."""
    return f"tcg,thread=single,tb-size={TRANSLATIONS_MIB}"
