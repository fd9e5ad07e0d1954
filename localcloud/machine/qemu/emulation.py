"""How QEMU emulates a machine's processors (TCG) without KVM: all of them share one thread.

With a thread for each processor a build makes its image in six minutes instead of nine, but machines die of
it:

- Linux patches its own code while it runs (static keys: the first CPUQuota= of a booted machine switches
  one). Another processor can then run a breakpoint that the kernel no longer expects: "Oops: int3", a panic.
  QEMU 7.2.22 does that within 150 rounds of `make bench-cloud ARGS=--soak`. QEMU 10.0.13 passed 4,000 rounds
  there, and then did it on a launched hub, on a busy host.
- Before 8.2 a processor can see a changed memory map before its own cached view of the old one is flushed
  ("softmmu: Use async_run_on_cpu in tcg_commit"). A write to a device is then lost, and the machine can stand
  still.

Neither can happen where one thread does the work of all. docs/explanation/emulation.md has the measurements.

QEMU 7.2 keeps translated code by the address it runs at. Linux gives each process addresses of its own
(ASLR), so nearly all of it is translated anew: 60 runs of a program took 2 s and more instead of 0.8 s. QEMU
10.0.13 takes 0.8 s in either case.
"""

from __future__ import annotations

import os
from types import MappingProxyType

# of translated code kept in memory for a machine; QEMU's own choice is the most
_LEAST_MIB, _MOST_MIB = 256, 1024
_SHARE = 16  # of this machine's memory, at most one part in so many


ENVIRONMENT = MappingProxyType({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"})
"""For QEMU's process: its memory in large pages, where the host gives them to who asks.

A quarter of an emulation's time went into looking up where translated code is, in tables of megabytes. With
small pages each of those reads is looked up in the host's page tables as well.
"""


def accel_option() -> str:
    """The value of -accel for an emulated machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"tcg,thread=single,tb-size={translations_mib(memory)}"


def translations_mib(memory_bytes: int) -> int:
    """MiB of translated code that a machine may keep on a host with so much memory.

    When they are full, all of it is made again.

    The tests of a candidate translate about 1000 MiB: with 256 the cache was full, and begun again, every 20
    seconds of them.
    """
    return min(max(memory_bytes // 2**20 // _SHARE, _LEAST_MIB), _MOST_MIB)
