"""QEMU and qemu-img as far as a test of the model needs them: what runs, what is open, nothing spoilt."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from build.errors import MachineError
from localcloud.machine.machine import Drive, MachineSpec


def qemu_img(*arguments: str | Path) -> str:
    """create, info, resize of layers that are a line of JSON each."""
    action, *rest = map(str, arguments)
    if action == "create":
        *_, path, size = rest
        backing = rest[rest.index("-b") + 1] if "-b" in rest else None
        Path(path).write_text(json.dumps({"size": int(size.removesuffix("G")) << 30, "backing": backing}))
    elif action == "resize":
        path, size = rest[-2:]
        known = json.loads(Path(path).read_text())
        assert int(size.removesuffix("G")) << 30 >= known["size"], "a disk shrinks"
        assert Path(path) not in Machines.now.open_paths(), "a disk is resized behind its machine's back"
        Path(path).write_text(json.dumps({**known, "size": int(size.removesuffix("G")) << 30}))
    else:
        assert action == "info"
        chain = _chain(Path(rest[-1]))
        found = [
            {"filename": str(path), "virtual-size": json.loads(path.read_text())["size"]} for path in chain
        ]
        return json.dumps(found if "--backing-chain" in rest else found[0])
    return ""


def _chain(path: Path) -> list[Path]:
    if not path.exists():
        raise MachineError(f"{path} is not there")
    backing = json.loads(path.read_text())["backing"]
    return [path, *(_chain(path.parent / backing) if backing else [])]


@dataclass
class Machines:
    """All machines of a computer; they outlive the server."""

    now: ClassVar[Machines]
    known: dict[str, Pretended] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Machines.now = self

    def __call__(self, instance_id: str) -> Pretended:
        return self.known.setdefault(instance_id, Pretended(self))

    def open_paths(self) -> list[Path]:
        return [path for machine in self.known.values() if machine.running for path in machine.disks.values()]

    def may_open(self, path: Path) -> None:
        assert path.exists(), f"{path.name} is opened and is not there"
        assert path not in self.open_paths(), f"{path.name} is open already"
        backed = [json.loads(each.read_text())["backing"] for each in path.parent.glob("*.qcow2")]
        assert path.name not in backed, f"{path.name} is written to while another layer stands on it"


@dataclass
class Pretended:
    """A machine."""

    machines: Machines
    running: bool = False
    died: bool = False
    deaf: bool = False  # does its guest overlook the power button?
    holding: bool = False  # does its guest not let go of volumes?
    booted: bool = True  # has its guest written to a disk since it was powered on?
    disks: dict[str, Path] = field(default_factory=dict)

    def is_running(self) -> bool:
        return self.running

    def crashed(self) -> bool:
        return self.died

    def start(self, spec: MachineSpec) -> None:
        assert not self.running
        self.disks = {}
        for drive in spec.drives:
            self.machines.may_open(drive.path)
        assert sum(drive.boot for drive in spec.drives) == 1
        self.disks = {drive.volume_id: drive.path for drive in spec.drives}
        self.running, self.died = True, False

    def end(self, *, died: bool = False) -> None:
        self.running, self.died, self.disks = False, died, {}

    def powerdown(self) -> None:
        if not self.deaf:
            self.end()

    def quit(self) -> None:
        self.end()

    def begin_again_with(self, drive: Drive, controller: str) -> bool:
        if self.running and not self.booted:
            self.attach(drive, controller)
            return True
        return False

    def end_before_its_boot(self) -> bool:
        if self.running and not self.booted:
            self.end()
            return True
        return False

    def wait_ended(self, _: float) -> bool:
        return not self.running

    def attach(self, drive: Drive, _: str) -> None:
        if drive.volume_id in self.disks:
            return
        self.machines.may_open(drive.path)
        self.disks[drive.volume_id] = drive.path

    def detach(self, volume_id: str) -> None:
        if self.holding:
            raise MachineError("the guest does not let go")
        self.disks.pop(volume_id, None)

    def switch_to_overlay(self, volume_id: str, overlay: Path) -> None:
        if self.disks[volume_id] == overlay:
            return
        assert json.loads(overlay.read_text())["backing"] == self.disks[volume_id].name
        self.disks[volume_id] = overlay

    def grow(self, volume_id: str, size_gib: int) -> None:
        known = json.loads(self.disks[volume_id].read_text())
        assert size_gib << 30 >= known["size"]
        self.disks[volume_id].write_text(json.dumps({**known, "size": size_gib << 30}))

    def forwards(self) -> frozenset[tuple[str, int, int]]:
        return frozenset()


class Queue:
    """In the place of KeyedQueue: what is to be looked at waits until the test wants it, in any order."""

    closed = False

    def __init__(self) -> None:
        self.waiting: dict[Hashable, Callable[[], None]] = {}

    def enqueue(self, key: Hashable, work: Callable[[], None]) -> None:
        self.waiting[key] = work

    def close(self) -> None:
        self.waiting.clear()

    def run(self, number: int) -> None:
        key = sorted(self.waiting, key=str)[number % len(self.waiting)]
        self.waiting.pop(key)()
