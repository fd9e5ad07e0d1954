"""What is found on recorded consoles: consoles/ has what machines printed, shortened; for Debian 12 in the
form that Linux 6.1 prints.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.kernel_console import Kind, faults, newest
from tests.consoles import recorded

NO_FAULTS = recorded("no-faults").splitlines()


def told(console: str) -> list[str]:
    return [str(fault) for fault in faults(console)]


def test_a_panic_is_one_fault_with_the_first_oops_as_its_reason() -> None:
    assert told(recorded("debian-13-int3")) == [
        "the machine's kernel panicked 35.3 s after its start: Oops: int3: 0000 [#1] PREEMPT SMP NOPTI"
        " (Kernel panic - not syncing: Fatal exception in interrupt)"
    ]


def test_an_oops_that_the_kernel_survives_is_one_fault_and_fatal() -> None:
    (fault,) = faults(recorded("debian-12-oops"))
    assert str(fault) == (
        "the machine's kernel reported an oops 209.6 s after its start: BUG: kernel NULL pointer "
        "dereference, address: 0000000000000010"
    )
    assert (fault.kind, fault.seconds, fault.is_fatal, fault.is_in_this_boot) == (
        "oops",
        209.639283,
        True,
        True,
    )


def test_stalls_are_no_failure_and_each_report_is_one() -> None:
    found = faults(recorded("debian-12-lockup"))
    assert [fault.kind for fault in found] == ["rcu stall", "soft lockup", "soft lockup", "hung task"]
    assert not any(fault.is_fatal for fault in found)
    assert str(found[2]) == (
        "the machine's kernel reported a soft lockup 96.0 s after its start:"
        " watchdog: BUG: soft lockup - CPU#0 stuck for 52s! [kworker/0:1:14]"
    )


def test_what_came_before_the_machine_started_again_says_so() -> None:
    stall, panic = faults(recorded("tiny-stall-then-panic"))
    assert (stall.kind, panic.kind) == ("rcu stall", "panic")
    assert str(panic) == (
        "the machine's kernel panicked 73.5 s after its start: Kernel panic - not syncing: sysrq "
        "triggered crash;"
        " it has started again since"
    )
    before = recorded("tiny-stall-then-panic").partition("Rebooting in 5 seconds")[0]
    assert [fault.restarts for fault in faults(before)] == [0, 0]


@pytest.mark.parametrize("line", NO_FAULTS)
def test_what_programs_print_and_what_programs_do_is_no_fault_of_the_kernel(line: str) -> None:
    assert told(line) == []


def test_a_copy_of_another_kernels_log_does_not_start_another_boot() -> None:
    (panic,) = faults(
        recorded("debian-13-int3")
        + "\r\n".join(line for line in NO_FAULTS if "cloud-init" in line or "kernel:" in line)
    )
    assert panic.restarts == 0


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("panic", "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"),
        ("panic", "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009"),
        ("oops", "BUG: unable to handle page fault for address: ffffa0e1c0000000"),
        ("oops", "BUG: kernel NULL pointer dereference, address: 0000000000000000"),
        ("oops", "kernel BUG at mm/slub.c:448!"),
        (
            "oops",
            "general protection fault, probably for non-canonical address 0xdead000000000122: 0000 [#1] "
            "PREEMPT SMP NOPTI",
        ),
        ("oops", "int3: 0000 [#1] PREEMPT SMP NOPTI"),
        ("oops", "divide error: 0000 [#1] PREEMPT SMP"),
        ("oops", "invalid opcode: 0000 [#2] SMP"),
        ("oops", "Oops: Oops: 0002 [#1] PREEMPT SMP NOPTI"),
        ("oops", "Oops: general protection fault, maybe for address 0x0: 0000 [#1] SMP NOPTI"),
        ("oops", "Internal error: Oops: 0000000096000005 [#1] SMP"),
        ("soft lockup", "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [swapper/0:0]"),
        ("hard lockup", "watchdog: CPU1: Watchdog detected hard LOCKUP on cpu 0"),
        ("rcu stall", "rcu: INFO: rcu_preempt self-detected stall on CPU"),
        ("rcu stall", "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:"),
        (
            "rcu stall",
            "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 0-... } 21 jiffies s: 85 "
            "root: 0x1/.",
        ),
        (
            "rcu stall",
            "rcu: rcu_preempt kthread timer wakeup didn't happen for 12500 jiffies! g241 f0x0 "
            "RCU_GP_WAIT_FQS(5) ->state=0x402",
        ),
        (
            "rcu stall",
            "rcu: rcu_preempt kthread starved for 12501 jiffies! g241 f0x0 RCU_GP_WAIT_FQS(5) "
            "->state=0x402 ->cpu=0",
        ),
        ("hung task", "INFO: task kworker/u4:1:35 blocked for more than 120 seconds."),
    ],
)
@pytest.mark.parametrize(
    "before",
    ["", "ip-10-0-0-12 login: ", "\x1b[!p\x1b]104\x07\x1b[6n", "[   35.1] sh[48", "[   35.100001] sh[48] te"],
)
@pytest.mark.parametrize("caller", ["", "[  T577]", "[    C1]"])
def test_every_form_is_recognised_wherever_the_kernels_line_begins(
    kind: Kind, text: str, before: str, caller: str
) -> None:
    (fault,) = faults(f"\r\n{before}[   35.343297]{caller} {text}\x1b[0m\r\n")
    assert (fault.kind, fault.seconds, fault.message) == (kind, 35.343297, text)


@pytest.mark.parametrize(
    "name",
    ["Oops: x", "kernel BUG at x", "a: 0000 [#1]", "a: 0000 [#1] b"],
)
def test_a_program_cannot_pass_its_crash_off_as_the_kernels(name: str) -> None:
    assert (
        told(
            f"[   35.343297] {name}[577]: segfault at 0 ip 000055d0 sp 00007ffc error 6 in "
            "x[55d0c7a00000+1000]"
        )
        == []
    )
    assert told(f"[   35.343297] CPU: 0 PID: 577 Comm: {name} Not tainted 6.1.0-41-cloud-amd64") == []


def test_a_boot_begins_with_the_firmware_the_kernels_first_line_or_its_clock() -> None:
    panic = "[   35.347554] Kernel panic - not syncing: Fatal exception\r\n"
    for start in (
        "\x1b[2JBdsDxe: loading Boot0001\r\nBdsDxe: starting Boot0001\r\n",
        "SeaBIOS (version 1.16.2-1)\r\n",
        "[    0.000000] Linux version 6.1.0\r\n[    0.000000] Command line: ro\r\n",
        "EFI stub: Loaded initrd\r\n[    0.000000] Linux version 6.1.0\r\n",
        "[    4.100000] EXT4-fs (vda1): mounted filesystem\r\n",
    ):
        assert [fault.restarts for fault in faults(panic + start)] == [1], start
        assert [fault.restarts for fault in faults(panic + start + panic + start)] == [2, 1], start


def test_a_boot_that_ended_early_is_another_one() -> None:
    console = (
        "[    2.000000] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n[    0.000000] Linux "
        "version 6.1.0\r\n"
    )
    assert [fault.restarts for fault in faults(console)] == [1]


def test_a_line_that_comes_late_does_not_begin_a_boot() -> None:
    panic = "[   35.347554] Kernel panic - not syncing: Fatal exception\r\n"
    assert [fault.restarts for fault in faults(panic + "[   31.000000] eth0: link up\r\n")] == [0]
    weeks = (
        "[1814400.347554] Oops: int3: 0000 [#1] SMP\r\n[1814310.000000] cloud-init[448]: systemd's "
        "clock drifts away from the kernel's\r\n"
    )
    assert [fault.restarts for fault in faults(weeks)] == [0]


def test_of_many_the_newest_failure_is_told_and_a_stall_that_came_later() -> None:
    stall, panic = faults(recorded("tiny-stall-then-panic"))
    later = faults(recorded("tiny-stall-then-panic") + recorded("debian-12-lockup"))
    assert newest([]) == []
    assert newest([stall]) == [stall]
    assert newest([stall, panic]) == [panic]
    assert [(fault.kind, fault.restarts) for fault in newest(later)] == [("panic", 1), ("hung task", 0)]


@given(st.text(alphabet="[] .:#0123456789\r\n\x1bTlinuxOopsKernel panic-INFOrcu", max_size=200))
def test_nothing_on_a_console_is_an_error(text: str) -> None:
    faults(text)
