"""The console of an instance as EC2 has it, and when it is looked at."""

from __future__ import annotations

from typing import Any

import pytest

from build.aws import console
from build.aws.console import EVERY_S, KernelWatch, kernel_faults, output
from build.aws.instances import console_tail
from tests.consoles import PANIC, Ec2, recorded


class Clock:
    """A clock that a test moves."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(console, "time", made)
    return made


def watching(ec2: Any, **known: Any) -> KernelWatch:
    return KernelWatch(ec2, "i-1", **known)


def test_an_instance_on_xen_has_only_the_console_of_its_start() -> None:
    ec2: Any = Ec2("hello", nitro=False)
    assert (output(ec2, "i-1"), ec2.asked) == ("hello", 2)
    assert console_tail(ec2, "i-1") == "  hello"


def test_a_console_that_cannot_be_read_has_no_faults() -> None:
    refusing: Any = Ec2(recorded("debian-13-int3"), refuses="UnauthorizedOperation")
    assert kernel_faults(refusing, "i-1") == []


def test_ec2_is_asked_now_and_then_and_at_once_where_that_matters(clock: Clock) -> None:
    ec2: Any = Ec2()
    watch = watching(ec2)
    for _ in range(20):
        assert watch.look() is None
    assert ec2.asked == 1
    ec2.console = recorded("debian-13-int3")
    clock.now += EVERY_S - 0.1
    assert watch.look() is None
    clock.now += 0.2
    assert str(watch.look()).startswith(PANIC)
    ec2.console = recorded("debian-12-oops")
    assert "NULL pointer" in str(watch.look(now=True))


def test_what_was_seen_is_not_forgotten_when_the_console_cannot_be_read_any_more() -> None:
    ec2: Any = Ec2(recorded("debian-13-int3"))
    watch = watching(ec2)
    assert watch.look()
    ec2.refuses = "InvalidInstanceID.NotFound"
    assert str(watch.look(now=True)).startswith(PANIC)


def test_what_was_known_is_no_failure_even_when_the_machine_has_started_again_since() -> None:
    ec2: Any = Ec2(recorded("debian-13-int3"))
    watch = watching(ec2, known=kernel_faults(ec2, "i-1"))
    assert watch.look() is None
    ec2.console += "\r\n[    0.000000] Linux version 6.12.118\r\n"
    assert watch.look(now=True) is None
    ec2.console += "[   40.000000] Kernel panic - not syncing: Fatal exception\r\n"
    assert "panicked 40.0 s" in str(watch.look(now=True))


def test_a_stall_is_no_failure_warned_of_once_and_the_likely_cause_of_a_timeout() -> None:
    ec2: Any = Ec2(recorded("debian-12-lockup"))
    watch, warnings = watching(ec2), list[str]()
    assert watch.check(warnings.append) is None
    assert watch.check(warnings.append, now=True) is None
    assert [line.partition(" s after")[0] for line in warnings] == [
        "i-1: the machine's kernel reported an RCU stall 61.3",
        "i-1: the machine's kernel reported a soft lockup 68.0",
        "i-1: the machine's kernel reported a hung task 242.7",
    ]
    assert watch.likely_cause().startswith(
        "; the likely cause: the machine's kernel reported a hung task 242.7 s after its start: INFO: task"
    )


def test_without_a_fault_there_is_nothing_to_say() -> None:
    ec2: Any = Ec2(recorded("no-faults"))
    watch, warnings = watching(ec2), list[str]()
    assert (watch.check(warnings.append), watch.likely_cause(), warnings) == (None, "", [])
