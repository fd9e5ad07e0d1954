"""A snapshot."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moto.ec2.models.elastic_block_store import Snapshot

from localcloud.ec2.pace import GIB

if TYPE_CHECKING:
    from localcloud.ec2.backend import LocalBackend


@dataclass(frozen=True)
class SourceVolume:
    """What a snapshot remembers of its volume, which may have grown or gone since."""

    id: str
    size: int
    encrypted: bool = False


class LocalSnapshot(Snapshot):
    """A read-only layer; pending until the volume's layer is frozen, and then while its data are copied.

    Nothing is copied here, but EC2 takes its time: ``host.pace`` and faults say how long.
    """

    pending_until: float = 0.0
    """In seconds since 1970; of the class, so that a snapshot of a state kept before has it."""
    is_copy = False
    """Has CopySnapshot made it?"""

    def __init__(
        self,
        backend: LocalBackend,
        snapshot_id: str,
        source: SourceVolume,
        description: str,
        *,
        owner_id: str | None = None,
    ) -> None:
        super().__init__(
            backend, snapshot_id, source, description, encrypted=source.encrypted, owner_id=owner_id
        )
        self.status = "pending"
        self.layer: str | None = None
        self.state_message: str | None = None

    @property
    def status(self) -> str:
        """pending, completed, error."""
        return "pending" if self.is_being_copied else str(self.__dict__["status"])

    @status.setter
    def status(self, status: str) -> None:
        self.__dict__["status"] = status

    @property
    def is_to_be_taken(self) -> bool:
        """Has its layer still to be frozen?"""
        return bool(self.__dict__["status"] == "pending")

    @property
    def is_being_copied(self) -> bool:
        """Is its layer frozen, and it takes its time?"""
        if self.__dict__["status"] != "completed":
            return False
        return time.time() < self.pending_until or self.ec2_backend.host.faults.is_held("snapshot", self.id)

    @property
    def progress(self) -> str:
        """EC2 counts blocks; here it is instant, or the share of the time that a fault makes it take."""
        if self.status == "completed":
            return "100%"
        return f"{99 * self.ec2_backend.host.faults.share('snapshot', self.id):.0f}%"

    def complete(self, layer: str) -> None:
        """The layer is frozen: the snapshot can be used."""
        self.layer = layer
        self.status = "completed"

    def copy_data(self, data_bytes: int) -> None:
        """Its layer was frozen just now: it is pending for the time that EC2 takes to copy so much."""
        host = self.ec2_backend.host
        self.pending_until = time.time() + host.pace.of_snapshot(data_bytes)
        host.faults.begin("snapshot", self.id, data_bytes / GIB)
