"""A volume and its attachment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.ec2.models.availability_zones_and_regions import Zone
from moto.ec2.models.elastic_block_store import Volume, VolumeAttachment

from localcloud.ec2.models.modification import Modification

if TYPE_CHECKING:
    from localcloud.ec2.backend import LocalBackend
    from localcloud.ec2.models.instance import LocalInstance


class Attachment(VolumeAttachment):
    """A volume at a device of an instance: attaching, attached, detaching."""

    volume: LocalVolume
    instance: LocalInstance

    def __init__(
        self,
        volume: LocalVolume,
        instance: LocalInstance,
        device: str,
        *,
        delete_on_termination: bool,
        status: str,
    ) -> None:
        super().__init__(volume, instance, device, status)
        self.delete_on_termination = delete_on_termination


class LocalVolume(Volume):
    """A volume is a qcow2 layer; a snapshot freezes that layer and puts a new one on top of it."""

    def __init__(self, backend: LocalBackend, volume_id: str, size: int, zone: Zone) -> None:
        super().__init__(backend, volume_id, size, zone)
        self.layer = self.id
        self.next_layer: str | None = None  # being made: a live switch to it is under way
        self._heads = 0

    attachment: Attachment | None
    modification: Modification | None = None  # the newest; EC2 forgets older ones too

    @property
    def status(self) -> str:
        """creating (as long as a fault says so), available, in-use."""
        if self.ec2_backend.host.faults.is_held("volume", self.id):
            return "creating"
        return "in-use" if self.attachment else "available"

    def name_next_layer(self) -> str:
        """The id of the layer that will be the volume's next head; kept, so that a crash leaves a trace."""
        if self.next_layer is None:
            self._heads += 1
            self.next_layer = f"{self.id}.{self._heads}"
        return self.next_layer

    def switch(self) -> str:
        """The next layer is the head now; returns the frozen one."""
        if self.next_layer is None:
            raise ValueError(f"{self.id} has no next layer")
        frozen, self.layer, self.next_layer = self.layer, self.next_layer, None
        return frozen
