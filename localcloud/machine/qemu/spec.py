"""What a machine is made of, in EC2's terms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Controller = Literal["virtio-blk", "nvme"]


@dataclass(frozen=True)
class Drive:
    """A volume as the machine sees it; path is its qcow2 layer.

    Without ``named`` it has no serial, as on EC2's Xen instance types.
    """

    volume_id: str
    path: Path
    boot: bool = False
    named: bool = True

    @property
    def serial(self) -> str:
        """What the guest finds it by, as on EC2: the volume id without the dash (20 characters at most)."""
        return self.volume_id.replace("-", "")


@dataclass(frozen=True)
class MachineSpec:
    """What to start; the MAC address as six pairs of hex digits with colons.

    NVMe is what EC2 has, but QEMU can neither save such a machine nor resize its disks live: virtio-blk is
    the default.
    """

    instance_id: str
    vcpus: int
    memory_mib: int
    mac: str
    drives: tuple[Drive, ...]
    controller: Controller = "virtio-blk"
