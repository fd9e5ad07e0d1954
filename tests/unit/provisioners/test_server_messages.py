"""What a user's server tells its pages: what ran out, a full disk, the operator's messages."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

UNIT = "jupyter.slice/jupyter-2000.slice/jupyter-ada-singleuser.service"
GIB = 2**30


class Machine:
    """A control group file system with the unit of one server, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.unit = folder / UNIT
        self.unit.mkdir(parents=True)
        self.now_s = 0.0
        for place in (self.unit, self.unit.parent):
            self.set(place, "memory.events.local", oom=0, oom_kill=0)
            self.set(place, "memory.events", oom=0, oom_kill=0)
            self.set(place, "pids.events", max=0)
            (place / "pids.max").write_text("512\n")

    def set(self, place: Path, file: str, **counts: int) -> None:
        (place / file).write_text("".join(f"{name} {count}\n" for name, count in counts.items()))


@pytest.fixture
def limits(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_server.limits")


@pytest.fixture
def machine(limits: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    (tmp_path / "own").write_text(f"0::/{UNIT}\n")
    monkeypatch.setattr(limits, "_OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(limits, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setenv("MEM_LIMIT", str(2 * GIB))
    return Machine(tmp_path / "cgroup")


def watch(limits: ModuleType, machine: Machine) -> Any:
    return limits.Watch(now_s=lambda: machine.now_s)


def texts(messages: list[Any]) -> list[str]:
    return [message.text for message in messages]


def test_what_was_counted_before_the_server_started_is_not_told(limits: ModuleType, machine: Machine) -> None:
    machine.set(machine.unit.parent, "pids.events", max=7)
    machine.set(machine.unit, "memory.events", oom=3, oom_kill=3)
    assert watch(limits, machine).messages() == []


@pytest.mark.parametrize("where", [UNIT, "jupyter.slice/jupyter-2000.slice"], ids=["server", "user"])
def test_a_program_that_used_more_memory_than_the_limit(
    limits: ModuleType, machine: Machine, tmp_path: Path, where: str
) -> None:
    one = watch(limits, machine)
    machine.set(machine.unit, "memory.events", oom=1, oom_kill=1)
    machine.set(tmp_path / "cgroup" / where, "memory.events.local", oom=1, oom_kill=1)
    (text,) = texts(one.messages())
    assert text.endswith("because it used more memory than your limit of 2 GB.")


def test_a_program_that_was_ended_for_the_machines_memory(limits: ModuleType, machine: Machine) -> None:
    one = watch(limits, machine)
    machine.set(machine.unit, "memory.events", oom=0, oom_kill=1)
    (text,) = texts(one.messages())
    assert "the hub has no memory left" in text


def test_what_happened_to_another_server_of_the_user_is_not_told(
    limits: ModuleType, machine: Machine
) -> None:
    one = watch(limits, machine)
    machine.set(machine.unit.parent, "memory.events", oom=1, oom_kill=1)
    machine.set(machine.unit.parent, "memory.events.local", oom=1, oom_kill=0)
    assert one.messages() == []


def test_each_end_is_a_message_of_its_own_and_lasts_a_while(limits: ModuleType, machine: Machine) -> None:
    one = watch(limits, machine)
    machine.set(machine.unit, "memory.events", oom_kill=1)
    (first,) = one.messages()
    machine.now_s = 300
    machine.set(machine.unit, "memory.events", oom_kill=2)
    before, second = one.messages()
    assert before == first
    assert second.id != first.id
    machine.now_s = 601
    assert one.messages() == [second]
    machine.now_s = 901
    assert one.messages() == []


@pytest.mark.parametrize("where", [UNIT, "jupyter.slice/jupyter-2000.slice"], ids=["server", "user"])
def test_a_process_that_could_not_start(
    limits: ModuleType, machine: Machine, tmp_path: Path, where: str
) -> None:
    one = watch(limits, machine)
    machine.set(tmp_path / "cgroup" / where, "pids.events", max=200)
    (first,) = one.messages()
    assert "as many processes and threads as you may have (512)" in first.text
    machine.set(tmp_path / "cgroup" / where, "pids.events", max=400)
    assert one.messages() == [first]  # a page shows it once, however often a program tries


@pytest.mark.parametrize("own", ["", "1:cpu:/x\n", "0::/gone\n"])
def test_a_kernel_that_does_not_tell(limits: ModuleType, machine: Machine, tmp_path: Path, own: str) -> None:
    (tmp_path / "own").write_text(own)
    assert limits.read() == limits.Counts()


@pytest.fixture
def disk(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_server.disk")


@pytest.mark.parametrize(
    ("used_bytes", "used_files", "told"),
    [
        (1 * GIB, 1000, None),
        (9 * GIB, 1000, None),
        (int(9.5 * GIB), 1000, "Your disk space is nearly used up: 9.5 GB of 10 GB."),
        (10 * GIB - 4096, 1000, "Your disk space of 10 GB is used up: nothing can be saved."),
        (10 * GIB, 655_360, "Your disk space of 10 GB is used up: nothing can be saved."),
        (1 * GIB, 655_359, "You have nearly as many files as you may have: 655,359 of 655,360 files."),
        (1 * GIB, 655_360, "You have 655,360 files, your limit: no new file can be saved."),
    ],
)
def test_a_disk_that_fills_up(
    disk: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    used_bytes: int,
    used_files: int,
    told: str | None,
) -> None:
    monkeypatch.setattr(disk, "quota", lambda _: disk.Quota(10 * GIB, used_bytes, 655_360, used_files))
    monkeypatch.setattr(disk, "_is_full", lambda _: False)
    assert texts(disk.messages(tmp_path)) == ([told] if told else [])


@pytest.mark.parametrize("has_quota", [True, False])
def test_a_disk_that_others_have_filled(
    disk: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has_quota: bool
) -> None:
    without_limits = disk.Quota(0, 5 * GIB, 0, 5000)
    monkeypatch.setattr(disk, "quota", lambda _: without_limits if has_quota else None)
    monkeypatch.setattr(disk, "_is_full", lambda _: True)
    (text,) = texts(disk.messages(tmp_path))
    assert text.startswith("The hub's disk is full")


def test_a_disk_without_quotas_and_a_home_that_is_gone(disk: ModuleType, tmp_path: Path) -> None:
    """With the kernel of this machine, whatever it knows."""
    found = disk.quota(tmp_path)
    assert found is None or found.used_bytes >= 0
    assert disk.quota(tmp_path / "gone") is None
    assert disk.messages(tmp_path / "gone") == []


def test_the_quota_has_the_layout_of_the_hubs_own(
    disk: ModuleType, program: Callable[[str], ModuleType]
) -> None:
    hubs = program("hubsmith_hub.quota")
    assert disk._Dqblk._fields_ == hubs._Dqblk._fields_
    assert disk._GET_USERS == hubs._GET << 8 | hubs._USER
    assert disk._BLOCK == hubs.BLOCK


@pytest.fixture
def told(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_server.told")


def entry(text: str, until: float | None = None, stop_at: float | None = None) -> dict[str, Any]:
    return {"id": text, "text": text, "until": until, "stop_at": stop_at}


def test_everybodys_messages_and_ones_own(told: ModuleType, tmp_path: Path) -> None:
    now = time.time()
    (tmp_path / "everyone.json").write_text(json.dumps([entry("all"), entry("old", now - 1)]))
    (tmp_path / f"{os.geteuid()}.json").write_text(json.dumps([entry("mine", now + 600)]))
    (tmp_path / f"{os.geteuid() + 1}.json").write_text(json.dumps([entry("another's")]))
    assert texts(told.messages(tmp_path)) == ["all", "mine"]


def test_a_stop_is_told_again_when_it_is_near(told: ModuleType, tmp_path: Path) -> None:
    now = time.time()
    ids = []
    for left_s in (3600, 120):
        stop = now + left_s
        (tmp_path / "everyone.json").write_text(json.dumps([entry("stop", stop, stop)]))
        (message,) = told.messages(tmp_path)
        assert (message.level, message.stop_at) == ("warning", stop)
        ids.append(message.id)
    assert ids[0] != ids[1]


@pytest.mark.parametrize("content", ["", "{", "[1]", "{}", "3", '[{"id": "x"}]', '["x"]'])
def test_a_file_that_is_not_of_this_image_is_no_message(
    told: ModuleType, tmp_path: Path, content: str
) -> None:
    (tmp_path / "everyone.json").write_text(content)
    assert told.messages(tmp_path) == []
