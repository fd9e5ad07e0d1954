"""The host beneath the API: folders, the one lock, machines, layers, addresses. It knows neither moto nor EC2's rules."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from build.localcloud.disk import LayerStore
from build.localcloud.ec2.workers import Workers
from build.localcloud.machine import Machine
from build.localcloud.metadata import InstanceMetadata, MetadataServer
from build.localcloud.network import AddressPool


def runtime_folder(cloud: Path) -> Path:
    """Where sockets live: short (a unix socket's path has 107 characters at most), private, the same for every process of this user."""
    digest = hashlib.sha256(str(cloud.absolute()).encode()).hexdigest()[:10]
    return Path(tempfile.gettempdir()) / f"hubsmith-{os.getuid()}-{digest}"


class Backend(Protocol):
    """EC2 of one account in one region, as far as the host needs to know it."""

    account_id: str
    region_name: str


class Host:
    """What one cloud has on this computer.

    `lock` guards the whole EC2 model (moto has no lock of its own); it is never held while a machine boots, stops or answers QMP.
    `save` writes the model down; whoever changed it calls that before telling anybody.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime = runtime_folder(folder)
        self.lock = threading.RLock()
        self.layers = LayerStore(folder / "layers")
        self.addresses = AddressPool(folder)
        self.workers = Workers()
        self.save: Callable[[], None] = lambda: None
        self.settlers: dict[str, Callable[[Any, str], None]] = {}  # kind of thing -> what looks at one, given its backend and id
        self._metadata: dict[str, MetadataServer] = {}

    def open(self) -> None:
        """Make the folders."""
        for folder in (self.folder, self.machines_folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.runtime.mkdir(mode=0o700, exist_ok=True)
        if self.runtime.stat().st_uid != os.getuid():
            raise PermissionError(f"{self.runtime} belongs to somebody else")

    @property
    def machines_folder(self) -> Path:
        """One folder per instance: console, firmware variables, pid."""
        return self.folder / "machines"

    def machine(self, instance_id: str) -> Machine:
        """The machine of an instance, whether it runs or not."""
        return Machine(self.machines_folder / instance_id, self.runtime)

    def forget_machine(self, instance_id: str) -> None:
        """Remove what an ended machine left: its console too."""
        self.stop_metadata(instance_id)
        shutil.rmtree(self.machines_folder / instance_id, ignore_errors=True)

    def wake(self, kind: str, backend: Backend, resource_id: str) -> None:
        """Have a thing looked at soon by its settler, in the background."""
        settle = self.settlers[kind]
        key = (kind, backend.account_id, backend.region_name, resource_id)
        self.workers.wake(key, lambda: settle(backend, resource_id))

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

    def close(self) -> None:
        """Stop the threads; machines go on."""
        self.workers.close()
        for instance_id in list(self._metadata):
            self.stop_metadata(instance_id)
