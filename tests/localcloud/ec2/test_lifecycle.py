"""Instances, volumes and snapshots in any order of requests, crashes and restarts; QEMU is pretended."""

from __future__ import annotations

import contextlib
import json
import pickle
import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from moto.ec2.models import ec2_backends

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error
from localcloud.ec2.host import Host
from localcloud.ec2.install import install
from localcloud.ec2.models import (
    BlockDevice,
    LocalAmi,
    LocalInstance,
    LocalSnapshot,
    LocalVolume,
    SourceVolume,
)
from localcloud.ec2.pace import Pace
from localcloud.ec2.reconcile import volumes as reconcile_volumes
from localcloud.ec2.rules import (
    attachments,
    create_image,
    instances,
    modifications,
    run_instances,
    snapshots,
    volumes,
)
from localcloud.ec2.rules.volumes import VolumeRequest
from localcloud.ec2.run_instances_request import LaunchRequest
from tests.localcloud.ec2.pretence import Machines, Queue, qemu_img

ACCOUNT, REGION = "123456789012", "us-east-1"
IMAGE, BASE = "ami-0123456789abcdef0", "snap-0123456789abcdef0"
RESTING = {"running", "stopped", "terminated"}
# What EC2 takes in which state; all else is refused with IncorrectInstanceState and changes nothing.
TAKES = {
    "start": {"stopped", "pending", "running"},
    "stop": {"running", "stopping", "stopped"},
    "reboot": {"running"},
}
some = st.integers(0, 1000)


class KilledError(BaseException):
    """SIGKILL: nothing of the server goes on."""


class Life(RuleBasedStateMachine):
    """The rules are what customers, guests, the server and fate do."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.machines = Machines()
        self.patches: list[Any] = [
            patch("localcloud.machine.layer_store.run_qemu_img", qemu_img),
            patch.object(reconcile_volumes, "GUEST_UP_S", 0),
            patch.object(snapshots, "EVERY_S", 0),
            patch.object(Host, "machine", lambda _, instance_id: self.machines(instance_id)),
            patch.object(Host, "serve_metadata", lambda *_: None),
        ]
        for each in self.patches:
            each.start()
        self.host = Host(self.folder)
        self.host.pace = Pace(0, 0, 0)
        self.host.work_queue = self.queue = Queue()  # type: ignore[assignment]
        self.host.save = self._save
        self.fuse: tuple[int, bool] | None = None
        ec2_backends[ACCOUNT].clear()
        install(self.host)
        self._make_base()
        self.to_go: set[str] = set()  # volumes that end with their instance
        self.number = 0

    def teardown(self) -> None:
        if hasattr(self, "patches"):
            self.come_to_rest()
            for each in self.patches:
                each.stop()
            ec2_backends[ACCOUNT].clear()
            shutil.rmtree(self.folder)

    @property
    def backend(self) -> LocalBackend:
        return ec2_backends[ACCOUNT][REGION]  # type: ignore[return-value]

    def _save(self) -> None:
        """What is on disk after a kill -9; the fuse: at which write, and whether that one still succeeds."""
        left, written = self.fuse or (0, True)
        if left != 1 or written:
            self.kept = pickle.dumps(self.backend)
        if self.fuse is not None:
            self.fuse = (left - 1, written)
            if left == 1:
                raise KilledError

    def _make_base(self) -> None:
        self.host.layers.create_blank(BASE, 1)
        snapshot = LocalSnapshot(self.backend, BASE, SourceVolume("vol-ffffffff", 1), "base")
        snapshot.complete(BASE)
        image = LocalAmi(self.backend, IMAGE, "base", (BlockDevice("/dev/xvda", BASE, 1),), "/dev/xvda")
        image.state = "available"
        self.backend.snapshots[BASE], self.backend.amis[IMAGE] = snapshot, image

    def _instance(self, number: int) -> LocalInstance | None:
        found = list(self.backend.local_instances())
        return found[number % len(found)] if found else None

    def _volume(self, number: int) -> LocalVolume | None:
        found = list(self.backend.volumes.values())
        return found[number % len(found)] if found else None

    @rule(with_data=st.booleans(), kept=st.booleans())
    def launches(self, with_data: bool, kept: bool) -> None:
        data = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "DeleteOnTermination": not kept}}
        request = LaunchRequest(
            IMAGE,
            instance_type="t3.nano",
            associate_public_ip=False,
            device_mappings=(data,) if with_data else (),
        )
        made: Any = run_instances.launch(self.backend, request).instances[0]
        assert made.state == "pending"
        self.to_go |= {
            found.volume.id for found in made.attachments if found.device == "/dev/xvda" or not kept
        }

    @rule(number=some, act=st.sampled_from(["start", "stop", "force stop", "reboot", "terminate"]))
    def changes(self, number: int, act: str) -> None:
        if (instance := self._instance(number)) is None:
            return
        before, verb = instance.state, act.split()[-1]
        rootless = [found.device for found in instance.attachments if found.status != "detaching"].count(
            "/dev/xvda"
        ) == 0
        try:
            if verb == "stop":
                instances.stop(self.backend, [instance.id], force=act == "force stop")
            else:
                getattr(instances, verb)(self.backend, [instance.id])
        except Ec2Error as refused:
            if refused.code == "InvalidParameterValue":
                assert (verb, before, rootless) == ("start", "stopped", True)
                return
            assert (refused.code, instance.state) == ("IncorrectInstanceState", before)  # noqa: PT017
            assert before not in TAKES.get(verb, RESTING | {"pending", "stopping", "shutting-down"})
        else:
            assert not (verb == "start" and before == "stopped" and rootless)
            assert before in TAKES.get(verb, RESTING | {"pending", "stopping", "shutting-down"})

    @rule(size=st.integers(1, 3))
    def makes_a_volume(self, size: int) -> None:
        volumes.create(self.backend, VolumeRequest(size), "us-east-1a")

    @rule(number=some, other=some)
    def attaches(self, number: int, other: int) -> None:
        volume, instance = self._volume(number), self._instance(other)
        if volume is None or instance is None:
            return
        self.number += 1
        free = volume.attachment is None and instance.state in ("running", "stopped", "stopping")
        fits = instance.placement.zone == volume.availability_zone
        try:
            attachments.attach(self.backend, volume.id, instance.id, f"/dev/x{self.number}")
        except Ec2Error:
            assert not (free and fits)
        else:
            assert free
            assert fits
            self.to_go.discard(volume.id)

    @rule(number=some)
    def detaches(self, number: int) -> None:
        if (volume := self._volume(number)) is None:
            return
        attached = volume.attachment
        may = attached is not None and (
            attached.device != "/dev/xvda" or attached.instance.state == "stopped"
        )
        try:
            attachments.detach(self.backend, volume.id, None, None)
        except Ec2Error:
            assert not may
        else:
            assert may
            self.to_go.discard(volume.id)

    @rule(number=some)
    def deletes_a_volume(self, number: int) -> None:
        if (volume := self._volume(number)) is None:
            return
        try:
            volumes.delete(self.backend, volume.id)
        except Ec2Error as refused:
            assert (refused.code, volume.attachment is None) == ("VolumeInUse", False)  # noqa: PT017

    @rule(number=some, size=st.integers(1, 6))
    def modifies(self, number: int, size: int) -> None:
        if (volume := self._volume(number)) is None:
            return
        try:
            modifications.modify(self.backend, volume.id, {"Size": size})
        except Ec2Error as refused:
            assert size < volume.size or refused.code == "IncorrectModificationState"  # noqa: PT017

    @rule(number=some)
    def takes_a_snapshot(self, number: int) -> None:
        if (volume := self._volume(number)) is None:
            return
        try:
            snapshots.check_limits(self.backend, [volume])
        except Ec2Error as refused:
            assert refused.code == "ConcurrentSnapshotLimitExceeded"  # noqa: PT017
            assert len(snapshots.pending_of(self.backend, volume)) == snapshots.PENDING_LIMIT
        else:
            snapshots.create(self.backend, volume, "", {})

    @rule(number=some, no_reboot=st.booleans())
    def makes_an_image(self, number: int, no_reboot: bool) -> None:
        instance = self._instance(number)
        if instance is not None and instance.state in ("running", "stopped"):
            self.number += 1
            full = [
                len(snapshots.pending_of(self.backend, found.volume)) == snapshots.PENDING_LIMIT
                for found in instance.attachments
                if found.status == "attached"
            ]
            known = len(self.backend.amis)
            try:
                create_image.create_image(
                    self.backend, instance.id, f"image {self.number}", "", (), {}, no_reboot=no_reboot
                )
            except Ec2Error as refused:
                assert (refused.code, any(full)) == ("ConcurrentSnapshotLimitExceeded", True)  # noqa: PT017
                assert len(self.backend.amis) == known
            else:
                assert not any(full)

    @rule(number=some)
    def deletes_a_snapshot(self, number: int) -> None:
        found = [each for each in self.backend.snapshots.values() if each.id != BASE]
        if found:
            snapshot = found[number % len(found)]
            used = any(snapshot.id in image.snapshot_ids for image in self.backend.amis.values())
            try:
                snapshots.delete(self.backend, snapshot.id)
            except Ec2Error as refused:
                assert (refused.code, used) == ("InvalidSnapshot.InUse", True)  # noqa: PT017

    @rule(
        number=some,
        how=st.sampled_from(["powers off", "crashes", "overlooks the power button", "has only begun a boot"]),
    )
    def a_guest(self, number: int, how: str) -> None:
        running = [(name, found) for name, found in sorted(self.machines.known.items()) if found.running]
        if not running:
            return
        instance_id, machine = running[number % len(running)]
        if how == "overlooks the power button":
            machine.deaf = True
            return
        if how == "has only begun a boot":
            machine.booted = False
            return
        machine.end(died=how == "crashes")
        self.backend.enqueue_instance(instance_id)  # the watchdog

    @rule(number=some)
    def the_server_works(self, number: int) -> None:
        if self.queue.waiting:
            self.queue.run(number)

    @rule(number=some, write=st.integers(0, 3), written=st.booleans())
    def the_server_is_killed_and_started(self, number: int, write: int, written: bool) -> None:
        """Between two things it does, or in the middle of one, before or after one of its writes."""
        if self.queue.waiting and write:
            self.fuse = (write, written)
            with contextlib.suppress(KilledError):
                self.queue.run(number)
            self.fuse = None
        self.queue.waiting.clear()
        dict.__setitem__(ec2_backends[ACCOUNT], REGION, pickle.loads(self.kept))
        for volume_id in self.backend.volumes:
            self.backend.enqueue_volume(volume_id)
        self.backend.enqueue_all()
        self.backend.enqueue_layer_gc()

    @invariant()
    def each_answer_is_written_down(self) -> None:
        if hasattr(self, "patches"):
            self.host.save()

    @invariant()
    def what_belongs_together_says_so_on_both_sides(self) -> None:
        if not hasattr(self, "patches"):
            return
        for instance in self.backend.local_instances():
            for device, attachment in instance.block_device_mapping.items():
                assert attachment.volume.attachment is attachment
                assert (attachment.device, attachment.instance.id) == (device, instance.id)
            if instance.state == "terminated":
                assert not instance.attachments
                assert not self.machines(instance.id).running
        assert all(path.exists() for path in self.machines.open_paths())
        assert len(self.machines.open_paths()) == len(set(self.machines.open_paths()))

    @rule()
    def come_to_rest(self) -> None:
        """When all work is done, machines, disks and model are the same."""
        for _ in range(1000):
            if not self.queue.waiting:
                break
            self.queue.run(0)
        assert not self.queue.waiting
        for instance in self.backend.local_instances():
            self._at_rest(instance)
        for snapshot in self.backend.snapshots.values():
            assert snapshot.status == "completed"
            assert self.host.layers.path(snapshot.layer or "").exists()
        assert all(image.state == "available" for image in self.backend.amis.values() if image.snapshot_ids)
        for volume in self.backend.volumes.values():
            assert json.loads(self.host.layers.path(volume.layer).read_text())["size"] == volume.size << 30
            assert volume.next_layer is None
            if volume.id in self.to_go:
                assert volume.attachment is not None, f"{volume.id} outlived its instance"

    def _at_rest(self, instance: LocalInstance) -> None:
        machine = self.machines(instance.id)
        assert instance.state in RESTING
        assert machine.running == (instance.state == "running")
        assert {found.status for found in instance.attachments} <= (
            {"attached", "busy"} if machine.holding else {"attached"}
        )
        if machine.running:
            assert machine.disks == {
                found.volume.id: self.host.layers.path(found.volume.layer) for found in instance.attachments
            }


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
