"""A snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moto.ec2.models.elastic_block_store import Snapshot

if TYPE_CHECKING:
    from build.localcloud.ec2.backend import LocalBackend


@dataclass(frozen=True)
class SourceVolume:
    """What a snapshot remembers of its volume, which may have grown or gone since."""

    id: str
    size: int
    encrypted: bool = False


class LocalSnapshot(Snapshot):
    """A read-only layer; pending until the volume's layer is frozen."""

    def __init__(
        self, backend: LocalBackend, snapshot_id: str, source: SourceVolume, description: str, *, owner_id: str | None = None
    ) -> None:
        super().__init__(backend, snapshot_id, source, description, encrypted=source.encrypted, owner_id=owner_id)
        self.status = "pending"
        self.layer: str | None = None
        self.state_message: str | None = None

    @property
    def progress(self) -> str:
        """EC2 counts; here it is instant."""
        return "100%" if self.status == "completed" else "0%"

    def complete(self, layer: str) -> None:
        """The layer is frozen: the snapshot can be used."""
        self.layer = layer
        self.status = "completed"
