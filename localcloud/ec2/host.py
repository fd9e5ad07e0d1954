"""The host beneath the API: folders, the one lock, machines, layers, addresses.

It knows neither moto nor EC2's rules.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from build.errors import MachineError
from localcloud.ec2.pace import Pace
from localcloud.ec2.work_queue import KeyedQueue
from localcloud.faults.registry import Faults
from localcloud.machine.address_pool import AddressPool
from localcloud.machine.imds_server import InstanceMetadata, MetadataServer
from localcloud.machine.layer_store import LayerStore
from localcloud.machine.machine import Machine
from localcloud.machine.qemu.spec import Controller

HOLD_LOOK_S = 0.1


def runtime_folder(cloud: Path) -> Path:
    """Where sockets live: short (unix sockets' paths have 107 characters), private, one for each user."""
    digest = hashlib.sha256(str(cloud.absolute()).encode()).hexdigest()[:10]
    return Path(tempfile.gettempdir()) / f"hubsmith-{os.getuid()}-{digest}"


class Backend(Protocol):
    """EC2 of one account in one region, as far as the host needs to know it."""

    account_id: str
    region_name: str


class Host:
    """What one cloud has on this computer.

    `lock` guards the whole EC2 model (moto has no lock of its own); it is never held while a machine boots,
    stops or answers QMP. `save` writes the model down; whoever changed it calls that before telling anybody.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime = runtime_folder(folder)
        self.url = ""  # of the API, once it is served
        self.lock = threading.RLock()
        self.layers = LayerStore(folder / "layers")
        self.addresses = AddressPool(folder)
        self.opted_in: frozenset[str] = frozenset()  # regions that are enabled beside those that always are
        self.elastic_ip_limit: int | None = None  # of each region; None: as many as the pool has
        self.work_queue = KeyedQueue()
        self.faults = Faults()
        self.pace = Pace()
        self.frozen: set[str] = set()  # instances whose guests are stopped on request
        self.controller: Controller = "virtio-blk"  # of the disks of machines that are started from now on
        self.save: Callable[[], None] = lambda: None
        self.unsaved: Callable[[], str] = str  # why the newest model is not on disk; empty when it is
        self.resource_ids: Callable[[], set[str]] = set  # of everything that a fault can hide
        # kind of thing -> what looks at one, given its backend and id
        self.reconcilers: dict[str, Callable[[Any, str], None]] = {}
        self._answering = threading.local()
        self._metadata: dict[str, MetadataServer] = {}

    def open(self) -> None:
        """Make the folders."""
        for folder in (self.folder, self.machines_folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.runtime.mkdir(mode=0o700, exist_ok=True)
        if self.runtime.stat().st_uid != os.getuid():
            raise PermissionError(f"{self.runtime} belongs to somebody else")

    def free_bytes(self) -> int:
        """What is free on the disk that holds the layers."""
        return shutil.disk_usage(self.folder).free

    @property
    def machines_folder(self) -> Path:
        """One folder per instance: console, firmware variables, pid."""
        return self.folder / "machines"

    def machine(self, instance_id: str) -> Machine:
        """The machine of an instance, whether it runs or not."""
        return Machine(self.machines_folder / instance_id, self.runtime)

    def freeze(self, instance_id: str) -> None:
        """Stop a guest in the middle of what it does, until `thaw`."""
        self.machine(instance_id).pause()
        self.frozen.add(instance_id)

    def thaw(self, instance_id: str) -> None:
        """Let a frozen guest go on; no error when its machine has ended meanwhile."""
        self.frozen.discard(instance_id)
        with contextlib.suppress(MachineError):
            self.machine(instance_id).go_on()

    def kill_machine(self, instance_id: str) -> None:
        """End a machine as a crash would."""
        self.frozen.discard(instance_id)
        self.machine(instance_id).kill()

    def forget_machine(self, instance_id: str) -> None:
        """Remove what an ended machine left: its console too."""
        self.end_metadata(instance_id)
        shutil.rmtree(self.machines_folder / instance_id, ignore_errors=True)

    def enqueue(self, kind: str, backend: Backend, resource_id: str) -> None:
        """Have a thing reconciled soon, in the background."""
        reconcile = self.reconcilers[kind]
        key = (kind, backend.account_id, backend.region_name, resource_id)
        self.work_queue.enqueue(key, lambda: reconcile(backend, resource_id))

    def wait_out(self, change: str, resource_id: str, still: Callable[[], bool]) -> bool:
        """Wait as long as a fault makes a state change take; False when it is not `still` wanted."""
        while self.faults.is_held(change, resource_id):
            if not still() or self.work_queue.closed:
                return False
            time.sleep(HOLD_LOOK_S)
        return True

    def before_answer(self, wait: Callable[[], object]) -> None:
        """Have this thread call ``wait`` before it answers its request, when it no longer holds the lock."""
        self._answering.waits = [*getattr(self._answering, "waits", []), wait]

    def finish_answer(self) -> None:
        """Wait for what the request that this thread has served asked for."""
        waits, self._answering.waits = getattr(self._answering, "waits", []), []
        for wait in waits:
            wait()

    def serve_metadata(self, instance_id: str, lookup: Callable[[], InstanceMetadata]) -> None:
        """Answer an instance's IMDS requests; no effect when it is served already."""
        if instance_id not in self._metadata:
            server = MetadataServer(self.machine(instance_id).metadata_socket, lookup)
            server.start()
            self._metadata[instance_id] = server

    def stop_metadata(self, instance_id: str) -> None:
        """Stop answering an instance."""
        if server := self._metadata.pop(instance_id, None):
            server.stop()

    def end_metadata(self, instance_id: str) -> None:
        """Never answer an instance again: its sockets go, and the key of its tokens."""
        self.stop_metadata(instance_id)
        for left in self.runtime.glob(f"{instance_id}.*"):
            left.unlink(missing_ok=True)

    def close(self) -> None:
        """Stop the threads; machines go on."""
        self.work_queue.close()
        for instance_id in list(self._metadata):
            self.stop_metadata(instance_id)
        with contextlib.suppress(OSError):  # machines have something in it
            self.runtime.rmdir()
