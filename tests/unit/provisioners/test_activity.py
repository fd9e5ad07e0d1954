"""What counts as use of a server: a kernel that is busy and says nothing, and whatever computes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def activity(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_server.activity")


class Kernels:
    """As jupyter_server's MappingKernelManager, with kernels in these states."""

    def __init__(self, *states: str) -> None:
        self._kernels = dict(enumerate(states))

    def list_kernel_ids(self) -> list[int]:
        return list(self._kernels)

    def get_kernel(self, kernel: int) -> Any:
        return SimpleNamespace(execution_state=self._kernels[kernel])


class Machine:
    """Processor time and the clock, in seconds."""

    used_s = now_s = 0.0

    def watch(self, activity: ModuleType) -> Any:
        return activity.Watch(lambda: self.used_s, lambda: self.now_s)


@pytest.mark.parametrize(
    ("states", "works"),
    [((), False), (("idle", "starting", "dead"), False), (("idle", "busy"), True)],
)
def test_a_busy_kernel_is_work_whatever_it_prints(
    activity: ModuleType, states: tuple[str, ...], works: bool
) -> None:
    """https://github.com/jupyterhub/jupyterhub-idle-culler/issues/55"""
    assert Machine().watch(activity).has_work(Kernels(*states)) is works


def test_a_kernel_that_has_no_state_yet_is_no_work(activity: ModuleType) -> None:
    kernels = SimpleNamespace(list_kernel_ids=lambda: ["1"], get_kernel=lambda _kernel: object())
    assert Machine().watch(activity).has_work(kernels) is False


@pytest.mark.parametrize(("used_s", "works"), [(0, False), (20, False), (100, True)])
def test_processors_in_use_since_the_last_look_are_work(
    activity: ModuleType, used_s: float, works: bool
) -> None:
    """In 300 s: a tenth of a processor are 30 s."""
    machine = Machine()
    machine.used_s = 1000  # of a job that has ended
    watch = machine.watch(activity)
    machine.used_s, machine.now_s = machine.used_s + used_s, 300
    assert watch.has_work(Kernels()) is works
    machine.now_s = 600
    assert watch.has_work(Kernels()) is False


def test_each_report_tells_of_work(activity: ModuleType) -> None:
    told: list[dict[str, datetime]] = []

    class SingleUser:
        def __init__(self, kernels: Kernels) -> None:
            self.settings: dict[str, datetime] = {}
            self.serverapp = SimpleNamespace(
                kernel_manager=kernels, web_app=SimpleNamespace(settings=self.settings)
            )

        async def notify_activity(self) -> None:
            told.append(dict(self.settings))

    activity.report_with(SingleUser, Machine().watch(activity))
    before = datetime.now(timezone.utc)
    for kernels in (Kernels("idle"), Kernels("busy")):
        asyncio.run(SingleUser(kernels).notify_activity())
    assert told[0] == {}
    ((name, when),) = told[1].items()
    # jupyter_server: ServerWebApplication.last_activity
    assert name.endswith("_last_activity")
    assert before <= when <= datetime.now(timezone.utc)


def test_a_terminal_that_prints_is_use_with_no_page_open(activity: ModuleType) -> None:
    earlier, later = (datetime(2026, 1, 1, hour, tzinfo=timezone.utc) for hour in (1, 2))
    terminals = {
        "1": SimpleNamespace(last_activity=later),
        "2": SimpleNamespace(last_activity=earlier),
        "3": SimpleNamespace(),
    }
    settings: dict[str, Any] = {"terminal_manager": SimpleNamespace(terminals=terminals)}

    class SingleUser:
        serverapp = SimpleNamespace(
            kernel_manager=Kernels("idle"), web_app=SimpleNamespace(settings=settings)
        )

        async def notify_activity(self) -> None:
            pass

    activity.report_with(SingleUser, Machine().watch(activity))
    asyncio.run(SingleUser().notify_activity())
    assert settings["hubsmith_last_activity"] == later


def test_processor_time_is_the_units_without_the_servers_own(
    activity: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, unit = tmp_path / "cgroup", tmp_path / "jupyter.slice/jupyter-ada-singleuser.service"
    own.write_text("0::/jupyter.slice/jupyter-ada-singleuser.service\n")
    unit.mkdir(parents=True)
    (unit / "cpu.stat").write_text("usage_usec 5500000\nuser_usec 5000000\nsystem_usec 500000\n")
    monkeypatch.setattr(activity, "_OWN_CGROUP", own)
    monkeypatch.setattr(activity, "_CGROUPS", tmp_path)
    monkeypatch.setattr(activity.time, "process_time", lambda: 1.5)
    assert activity.processor_s() == 4.0


@pytest.mark.parametrize("said", ["", "0::/gone\n", "1:cpu:/x\n"])
def test_a_kernel_that_does_not_tell_keeps_no_server_up(
    activity: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    (tmp_path / "cgroup").write_text(said)
    monkeypatch.setattr(activity, "_OWN_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(activity, "_CGROUPS", tmp_path)
    assert activity.processor_s() == 0.0
