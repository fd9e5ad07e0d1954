"""A panic or an oops ends what a build waits for, and is what its error says; a stall is a warning."""

from __future__ import annotations

import re
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from build.aws import console
from build.aws.console import KernelWatch
from build.bake import image_tests, instances, watch
from build.errors import HubsmithError, RemoteError
from build.manifest import load
from build.pipeline import Interrupted
from build.report.reporter import Reporter
from tests.consoles import PANIC, Ec2, recorded

TINY = Path(__file__).parents[3] / "tests/cloud/tiny/manifest.yaml"
ERROR = rf"i-1: {re.escape(PANIC)}"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow each other in no time."""
    monkeypatch.setattr(console, "EVERY_S", 0.05)
    monkeypatch.setattr(watch, "EVERY_S", 0.05)
    monkeypatch.setattr(instances, "_SSH_EVERY_S", 0.05)


@pytest.fixture
def ec2() -> Any:
    return Ec2()


@pytest.fixture
def builder(ec2: Any) -> Any:
    target = SimpleNamespace(address="127.0.0.1", port=1)
    return SimpleNamespace(id="i-1", address="127.0.0.1", target=target, kernel=KernelWatch(ec2, "i-1"))


@pytest.fixture
def state(ec2: Any, tmp_path: Path) -> Any:
    timeouts = SimpleNamespace(ssh_s=0.5)
    return SimpleNamespace(
        report=Said(quiet=True),
        clients=SimpleNamespace(ec2=ec2),
        run=SimpleNamespace(folder=tmp_path),
        manifest=SimpleNamespace(builder=SimpleNamespace(timeouts=timeouts)),
    )


class Said(Reporter):
    """Keeps its warnings."""

    def warn(self, text: str) -> None:
        self.__dict__.setdefault("warnings", []).append(text)


def panic(ec2: Ec2) -> None:
    ec2.console = recorded("debian-13-int3")


def test_work_is_broken_off_and_the_error_quotes_the_panic(state: Any, ec2: Any, builder: Any) -> None:
    broken_off = threading.Event()

    def work() -> None:
        panic(ec2)
        assert broken_off.wait(10)
        raise RemoteError("the connection was lost", where="install.sh:4", hint="did it reboot?")

    with (
        pytest.raises(RemoteError, match=rf"^install\.sh:4: {ERROR}") as caught,
        watch.watched(state, [builder], broken_off.set),
    ):
        work()
    assert str(caught.value.__cause__) == "install.sh:4: the connection was lost"
    kept = state.run.folder / "console-i-1.txt"
    assert str(kept) in str(caught.value.hint)
    assert "RIP: 0010:__schedule+0x99/0xbe0" in kept.read_text()


def test_what_could_not_be_broken_off_at_first_is_later(state: Any, ec2: Any, builder: Any) -> None:
    tries = threading.Semaphore(0)
    panic(ec2)
    with pytest.raises(RemoteError, match=ERROR), watch.watched(state, [builder], tries.release):
        assert all(tries.acquire(timeout=10) for _ in range(3))


def test_a_panic_that_nobody_saw_yet_is_quoted_all_the_same(
    state: Any, ec2: Any, builder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "EVERY_S", 60)
    monkeypatch.setattr(console, "EVERY_S", 60)
    builder.kernel.look()
    panic(ec2)
    with pytest.raises(RemoteError, match=ERROR), watch.watched(state, [builder]):
        raise HubsmithError("40 image tests failed")


def test_work_that_ended_well_on_a_broken_kernel_has_not_ended_well(
    state: Any, ec2: Any, builder: Any
) -> None:
    with (
        pytest.raises(RemoteError, match=r"^i-1: the machine's kernel reported an oops 209\.6 s"),
        watch.watched(state, [builder]),
    ):
        ec2.console = recorded("debian-12-oops")


def test_of_several_machines_the_one_is_named(state: Any, ec2: Any, builder: Any) -> None:
    well: Any = Ec2(recorded("no-faults"))
    other: Any = SimpleNamespace(id="i-2", kernel=KernelWatch(well, "i-2"))
    with pytest.raises(RemoteError, match=ERROR), watch.watched(state, [other, builder]):
        panic(ec2)


def test_an_interrupt_and_an_error_of_a_machine_that_is_well_stay_what_they_are(
    state: Any, ec2: Any, builder: Any
) -> None:
    with pytest.raises(RemoteError, match=r"^ended with status 1$"), watch.watched(state, [builder]):
        raise RemoteError("ended with status 1")
    panic(ec2)
    with pytest.raises(Interrupted), watch.watched(state, [builder]):
        raise Interrupted("SIGINT")


def test_a_stall_is_a_warning_and_no_failure(state: Any, ec2: Any, builder: Any) -> None:
    broken_off = threading.Event()
    for _ in range(2):
        with watch.watched(state, [builder], broken_off.set):
            ec2.console = recorded("debian-12-lockup")
            time.sleep(0.2)
    assert not broken_off.is_set()
    assert [line.partition(" s after")[0] for line in state.report.warnings] == [
        "i-1: the machine's kernel reported an RCU stall 61.3",
        "i-1: the machine's kernel reported a soft lockup 68.0",
        "i-1: the machine's kernel reported a hung task 242.7",
    ]


def test_when_the_block_has_ended_nothing_is_broken_off_any_more(state: Any, ec2: Any, builder: Any) -> None:
    broken_off = threading.Event()
    with watch.watched(state, [builder], broken_off.set):
        pass
    panic(ec2)
    assert not broken_off.wait(0.3)


def test_the_wait_for_ssh_ends_with_a_panic(state: Any, ec2: Any, builder: Any) -> None:
    state.manifest.builder.timeouts.ssh_s = 60
    threading.Timer(0.3, panic, [ec2]).start()
    began = time.monotonic()
    with pytest.raises(RemoteError, match=ERROR):
        instances.wait_for_ssh(state, builder)
    assert time.monotonic() - began < 20


def test_a_wait_for_ssh_in_vain_names_a_stall_as_the_likely_cause(state: Any, ec2: Any, builder: Any) -> None:
    ec2.console = recorded("tiny-stall-then-panic").partition("before")[0]
    with pytest.raises(
        RemoteError,
        match=r"^ssh on i-1 took longer than .*; the likely cause: "
        r"the machine's kernel reported an RCU stall 58\.2 s",
    ):
        instances.wait_for_ssh(state, builder)


def test_a_panic_in_the_last_moment_of_a_wait_is_quoted(
    state: Any, ec2: Any, builder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "EVERY_S", 60)
    threading.Timer(0.2, panic, [ec2]).start()
    with pytest.raises(RemoteError, match=ERROR):
        instances.wait_for_ssh(state, builder)


def test_the_image_tests_are_broken_off(state: Any, ec2: Any, builder: Any, tmp_path: Path) -> None:
    hanging = tmp_path / "test_hanging.py"
    hanging.write_text("import time\ndef test_it():\n    time.sleep(120)\n")
    threading.Timer(2, panic, [ec2]).start()
    began = time.monotonic()
    guard = partial(watch.watched, state, [builder])
    machine = image_tests.SshTarget(tmp_path / "ssh_config", "127.0.0.1")
    with pytest.raises(RemoteError, match=ERROR):
        image_tests._pytest(
            load(TINY),
            [hanging],
            dict(image_tests._told_of([machine])),
            [machine],
            tmp_path / "x.xml",
            state.report,
            guard,
        )
    assert time.monotonic() - began < 60


def test_every_ssh_connection_of_a_build_is_watched() -> None:
    """But for those that wait for the machine to answer, and ask one that has failed."""
    room = Path(watch.__file__).parent
    openers = {
        path.name for path in room.rglob("*.py") if re.search(r"\bShell\(", path.read_text(encoding="utf-8"))
    }
    assert openers == {"watch.py", "instances.py", "diagnostics.py"}
    assert len(re.findall(r"\bShell\(", (room / "instances.py").read_text(encoding="utf-8"))) == 1
