"""A snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moto.ec2.models.elastic_block_store import Snapshot

if TYPE_CHECKING:
    from localcloud.ec2.backend import LocalBackend


@dataclass(frozen=True)
class SourceVolume:
    """What a snapshot remembers of its volume, which may have grown or gone since."""

    id: str
    size: int
    encrypted: bool = False


class LocalSnapshot(Snapshot):
    """A read-only layer; pending until the volume's layer is frozen."""

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
        """pending, completed, error; a fault may keep a snapshot that is taken pending for a while."""
        held = self.ec2_backend.host.faults.is_held("snapshot", self.id)
        return "pending" if held and self.__dict__["status"] == "completed" else str(self.__dict__["status"])

    @status.setter
    def status(self, status: str) -> None:
        self.__dict__["status"] = status

    @property
    def is_to_be_taken(self) -> bool:
        """Has its layer still to be frozen?"""
        return bool(self.__dict__["status"] == "pending")

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
