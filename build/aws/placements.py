"""Where an instance can run: instance types by zone, and the next one where a zone has no capacity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import ClientError

from build.aws.errors import code_of

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeInfoTypeDef

Launched = TypeVar("Launched")

_QUOTAS = frozenset({"InstanceLimitExceeded", "VcpuLimitExceeded"})
"""They are the region's: the same type in another zone meets them as well."""
NO_VOLUME_IDS = "is of the Xen hypervisor: its disks do not carry the ids of their volumes"
NITRO_HINT = "choose a type of the Nitro system, such as t3.large instead of t2.large"
NO_CAPACITY = frozenset({"InsufficientInstanceCapacity", "Unsupported", *_QUOTAS})


@dataclass(frozen=True)
class Placement:
    """An instance type in a subnet; without one EC2 chooses a subnet of the default VPC."""

    instance_type: str
    subnet_id: str | None = None
    zone: str = ""

    def __str__(self) -> str:
        return f"{self.instance_type} in {self.zone}" if self.zone else self.instance_type


def offers(ec2: EC2Client, instance_types: Iterable[str]) -> set[tuple[str, str]]:
    """Which of the types each zone of the region offers: (type, zone)."""
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": sorted(instance_types)}],
    )
    return {
        (str(offer["InstanceType"]), offer["Location"])
        for page in pages
        for offer in page["InstanceTypeOfferings"]
    }


def described(ec2: EC2Client, instance_types: Sequence[str]) -> list[InstanceTypeInfoTypeDef]:
    """What the types are; EC2 refuses to describe one that the region does not offer."""
    return ec2.describe_instance_types(InstanceTypes=instance_types)["InstanceTypes"]  # type: ignore[arg-type]  # any string EC2 knows


def hides_volume_ids(kind: InstanceTypeInfoTypeDef) -> bool:
    """Whether the type is of the Xen hypervisor: its EBS volumes are not NVMe devices and have no serial.

    The serial is the volume's id (EC2 user guide, "Map Amazon EBS volumes to NVMe device names"): without it
    a machine cannot tell its volumes apart.
    """
    return kind.get("EbsInfo", {}).get("NvmeSupport") == "unsupported"


def first_with_capacity(
    placements: Sequence[Placement],
    run: Callable[[Placement], Launched],
    note: Callable[[str], object],
) -> Launched:
    """Try to run an instance at each of the placements in turn, and return what ``run`` returns.

    Raises the last ClientError when none of them has capacity, and any other one at once.
    """
    left = list(placements)
    while True:
        placement = left.pop(0)
        try:
            return run(placement)
        except ClientError as exc:
            if code_of(exc) in _QUOTAS:
                left = [other for other in left if other.instance_type != placement.instance_type]
            if code_of(exc) not in NO_CAPACITY or not left:
                raise
            note(f"no capacity for {placement}, trying {left[0]}")
