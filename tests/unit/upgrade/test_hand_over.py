"""How the volume moves, what is done where the old instance does not do its part, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from build.errors import HubsmithError, RemoteError
from build.hubs import instances
from build.launch import replacement, volume, wait_for_https
from build.upgrade import hand_over
from build.upgrade.hand_over import HandOver
from build.upgrade.standby import WaitForStandby
from build.upgrade.swap import Swap


class World:
    """A volume at i-1, what was done, and what goes wrong."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.holder: str | None = "i-1"
        self.states = {"i-1": "running", "i-2": "running"}
        self.phases = ["releasing", "released"]
        self.refuses = ""
        self.answers = {"2.2.2.2", "1.1.1.1"}

    def ssh(self, line: str) -> str:
        verb = line.split()[-1]
        if verb == self.refuses:
            raise RemoteError(f"'{verb}' on 1.1.1.1 ended with status 255")
        if verb != "state":
            self.done.append(verb)
            return ""
        phase = self.phases.pop(0) if len(self.phases) > 1 else self.phases[0]
        return json.dumps({"phase": phase, "message": "/home is busy" if phase == "failed" else ""})

    def stop(self, _: Any, instance_id: str) -> None:
        self.done.append(f"stop {instance_id}")
        self.states[instance_id] = "stopped"

    def attach(self, _: Any, instance_id: str) -> None:
        assert self.holder in (None, instance_id), "it would be taken from a machine that uses it"
        self.holder = instance_id
        self.done.append(f"attach {instance_id}")

    def detach(self, _: Any) -> None:
        self.done.append(f"detach {self.holder}")
        self.holder = None

    def wait(self, _: Any, ip: str) -> None:
        self.done.append(f"wait {ip}")
        if ip not in self.answers:
            raise HubsmithError("no answer")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()

    @contextmanager
    def session(*_: Any) -> Iterator[Any]:
        yield SimpleNamespace(run=world.ssh)

    def start(_: Any, instance_id: str) -> None:
        world.done.append(f"start {instance_id}")

    patches: dict[Any, dict[str, Callable[..., Any]]] = {
        Swap: {"session": session, "start_clock": lambda *_: None, "stop_clock": lambda *_: None},
        volume: {
            "holder_of": lambda _: world.holder,
            "attach": world.attach,
            "detach": world.detach,
            "snapshot": lambda *_: world.done.append("snapshot"),
        },
        replacement: {"stop": world.stop},
        wait_for_https: {"wait": world.wait},
        hand_over: {
            "ensure_running": start,
            "watch_kept": lambda *_: None,
            "_settle": lambda _: None,
        },
        instances: {
            "by_id": lambda _, found: SimpleNamespace(state=world.states[found], public_ip="2.2.2.2")
        },
    }
    for target, methods in patches.items():
        for name, method in methods.items():
            monkeypatch.setattr(target, name, method)
    return world


@pytest.fixture
def state(world: World) -> Any:
    def move(**given: str) -> None:
        world.done.append(f"address {given['InstanceId']}")

    ec2 = SimpleNamespace(associate_address=lambda **given: move(**{"InstanceId": given["InstanceId"]}))
    quiet = SimpleNamespace(**dict.fromkeys(("note", "warn", "waiting"), lambda _: None))
    return SimpleNamespace(
        clients=SimpleNamespace(ec2=ec2),
        report=quiet,
        old_id="i-1",
        instance_id="i-2",
        volume_id="vol-1",
        committed=False,
        address=SimpleNamespace(ip="1.1.1.1", allocation_id="eipalloc-1"),
        record_change=lambda _: None,
    )


def step() -> HandOver:
    return HandOver(Swap(old=SimpleNamespace(instance=None)))  # type: ignore[arg-type]  # ssh is pretended


MOVED = ["snapshot", "detach i-1", "attach i-2", "wait 2.2.2.2"]


def test_the_old_instance_goes_on_and_gives_the_volume_away(world: World, state: Any) -> None:
    step().run(state)
    assert world.done == ["start", *MOVED]
    assert world.states["i-1"] == "running"


@pytest.mark.parametrize("trouble", ["cannot unmount", "no ssh"])
def test_an_old_instance_that_does_not_do_its_part_shuts_down(world: World, state: Any, trouble: str) -> None:
    if trouble == "no ssh":
        world.refuses = "start"
    world.phases = ["failed"]
    step().run(state)
    assert [done for done in world.done if done != "start"] == ["stop i-1", *MOVED]


def test_a_hub_that_does_not_answer_goes_back_and_the_new_one_shuts_down_before_it_loses_the_volume(
    world: World, state: Any
) -> None:
    world.answers = {"1.1.1.1"}
    failed = step()
    with pytest.raises(HubsmithError, match="no answer"):
        failed.run(state)
    world.done.clear()
    failed.cleanup(state)
    way_back = ["stop i-2", "detach i-2", "attach i-1", "address i-1", "resume", "wait 1.1.1.1"]
    assert world.done == way_back
    assert failed._swap.is_back


@pytest.mark.parametrize("holder", ["i-1", None])
def test_an_interrupted_move_goes_back_from_where_the_volume_is(
    world: World, state: Any, holder: str | None
) -> None:
    stopped, world.holder = step(), holder
    stopped._swap.began = True
    stopped.cleanup(state)
    assert world.done == ["attach i-1", "address i-1", "resume", "wait 1.1.1.1"]


def test_an_old_instance_that_cannot_be_told_is_started_again(world: World, state: Any) -> None:
    world.refuses = "resume"
    stopped = step()
    stopped._swap.began = True
    stopped.cleanup(state)
    assert world.done == ["attach i-1", "address i-1", "stop i-1", "start i-1", "wait 1.1.1.1"]


@pytest.mark.parametrize(("began", "committed"), [(False, False), (True, True)])
def test_there_is_no_way_back_before_and_after(
    world: World, state: Any, began: bool, committed: bool
) -> None:
    done = step()
    done._swap.began, state.committed = began, committed
    done.cleanup(state)
    assert world.done == []


@pytest.mark.parametrize(
    ("began", "is_back", "ends"), [(False, False, True), (True, True, True), (True, False, False)]
)
def test_the_new_instance_ends_unless_it_may_have_the_volume(
    state: Any, monkeypatch: pytest.MonkeyPatch, began: bool, is_back: bool, ends: bool
) -> None:
    ended: list[str] = []
    state.clients.ec2.terminate_instances = lambda InstanceIds: ended.extend(InstanceIds)
    state.manifest = SimpleNamespace(builder=SimpleNamespace(timeouts=SimpleNamespace(stop_s=1)))
    monkeypatch.setattr("build.upgrade.standby.wait_for_state", lambda *_, **__: None)
    swap = Swap(old=None, new_id="i-2", began=began, is_back=is_back)  # type: ignore[arg-type]  # not used
    WaitForStandby(swap).cleanup(state)
    assert ended == (["i-2"] if ends else [])
