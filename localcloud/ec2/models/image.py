"""An image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.core.utils import utcnow
from moto.ec2.models.amis import Ami
from moto.ec2.models.instances import StateReason

if TYPE_CHECKING:
    from localcloud.ec2.backend import LocalBackend


@dataclass(frozen=True)
class BlockDevice:
    """One block device mapping of an image."""

    device: str
    snapshot_id: str | None
    size: int
    volume_type: str = "gp3"
    delete_on_termination: bool = True
    encrypted: bool = False
    iops: int | None = None
    throughput: int | None = None

    def as_response(self) -> dict[str, Any]:
        """As DescribeImages shows it."""
        ebs = {
            "SnapshotId": self.snapshot_id,
            "VolumeSize": self.size,
            "VolumeType": self.volume_type,
            "Encrypted": self.encrypted,
        }
        ebs |= {
            "DeleteOnTermination": self.delete_on_termination,
            "Iops": self.iops,
            "Throughput": self.throughput,
        }
        return {
            "DeviceName": self.device,
            "Ebs": {key: value for key, value in ebs.items() if value is not None},
        }


class LocalAmi(Ami):
    """An image with the mappings it was made with; moto's constructor would invent volume and snapshot."""

    def __init__(
        self,
        backend: LocalBackend,
        image_id: str,
        name: str,
        devices: tuple[BlockDevice, ...],
        root_device_name: str,
    ) -> None:
        self.ec2_backend = backend
        self.id = image_id
        self.name = name
        self.devices = devices
        self.root_device_name = root_device_name
        self.owner_id = backend.account_id
        self.image_location = f"{self.owner_id}/{name}"
        self.creation_date = utcnow()
        self.state = "pending"
        self.state_reason: StateReason | None = None
        self.description = ""
        self.architecture = "x86_64"
        self.boot_mode = "uefi"
        self.imds_support: str | None = None
        self.instance_id: str | None = None
        self.source_image_id: str | None = None
        self.launch_permissions: list[dict[str, str]] = []
        self._set_constants()

    def _set_constants(self) -> None:
        self.owner_alias: str | None = None
        self.virtualization_type = "hvm"
        self.hypervisor = "xen"
        self.root_device_type = "ebs"
        self.image_type = "machine"
        self.kernel_id = None
        self.platform = None
        self.platform_details = "Linux/UNIX"
        self.usage_operation = "RunInstances"
        self.ena_support = True
        self.sriov = self.sriov_net_support = "simple"
        self.product_codes: set[str] = set()

    @property
    def state(self) -> str:
        """pending, available, failed; a fault may keep an available one pending for a while."""
        faults = self.ec2_backend.host.faults
        held = faults.is_held("image", self.id) or any(
            faults.is_held("snapshot", found) for found in self.snapshot_ids
        )
        return "pending" if held and self.__dict__["state"] == "available" else str(self.__dict__["state"])

    @state.setter
    def state(self, state: str) -> None:
        self.__dict__["state"] = state

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        """The mappings, as DescribeImages shows them."""
        return [device.as_response() for device in self.devices]

    @property
    def snapshot_ids(self) -> list[str]:
        """The snapshots this image stands on."""
        return [device.snapshot_id for device in self.devices if device.snapshot_id]

    @property
    def root(self) -> BlockDevice:
        """The mapping of the root device."""
        return next(device for device in self.devices if device.device == self.root_device_name)

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> object:
        """moto's filters and those it lacks."""
        if filter_name.startswith("block-device-mapping."):
            member = {
                "snapshot-id": "snapshot_id",
                "device-name": "device",
                "volume-size": "size",
                "volume-type": "volume_type",
            }
            name = filter_name.removeprefix("block-device-mapping.").replace("_", "-")
            return [str(getattr(device, member.get(name, name.replace("-", "_")))) for device in self.devices]
        if filter_name == "ena-support":
            return "true"
        return super().get_filter_value(filter_name, method_name)
