"""Instance types: which are offered, and how large their machines are here."""

from __future__ import annotations

import os

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error, bad_value, invalid_value, no_capacity

_LIKE = "us-west-1"
"""Of some regions moto does not know which types they offer (all of aws-cn and aws-us-gov): those of this
small and old one stand in for them.
"""


def fill_offerings() -> None:
    """Give regions whose types moto does not know those of another region, in each of their zones."""
    types = sorted({offer["InstanceType"] for offer in INSTANCE_TYPE_OFFERINGS["region"][_LIKE]})
    for region, zones_of in RegionsAndZonesBackend.zones.items():
        places = {
            "region": [region],
            "availability-zone": [zone.name for zone in zones_of],
            "availability-zone-id": [zone.zone_id for zone in zones_of],
        }
        for kind, names in places.items():
            INSTANCE_TYPE_OFFERINGS[kind].setdefault(
                region,
                [
                    {"InstanceType": name, "LocationType": kind, "Location": place}
                    for place in names
                    for name in types
                ],
            )


def check(backend: LocalBackend, name: str, architecture: str) -> None:
    """Raise EC2's error for a type that is unknown, not offered in the region or wrong for the image."""
    if name not in INSTANCE_TYPES:
        raise invalid_value(name, "InstanceType")
    if not zones(backend, name):
        raise Ec2Error(
            "Unsupported",
            "The requested configuration is currently not supported. Please check the documentation.",
        )
    supported = INSTANCE_TYPES[name]["ProcessorInfo"]["SupportedArchitectures"]
    if architecture not in supported:
        raise bad_value(
            f"The architecture '{','.join(supported)}' of the specified instance type does not match "
            "the architecture "
            f"'{architecture}' of the specified AMI. Specify an instance type and an AMI that have "
            "matching architectures, "
            "and try again. You can use 'describe-instance-types' or 'describe-images' to discover the "
            "architecture of the "
            "instance type or AMI."
        )


def zones(backend: LocalBackend, name: str) -> list[str]:
    """The availability zones of the region that offer the type, in order."""
    offers = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(backend.region_name, [])
    return sorted(offer["Location"] for offer in offers if offer["InstanceType"] == name)


def check_zone(backend: LocalBackend, name: str, zone: str) -> None:
    """Raise EC2's error for a zone that does not offer the type, or has no capacity for it (a fault)."""
    offering = zones(backend, name)
    if zone not in offering:
        raise Ec2Error(
            "Unsupported",
            f"Your requested instance type ({name}) is not supported in your requested Availability Zone "
            f"({zone}). Please retry your request by not specifying an Availability Zone or choosing "
            f"{', '.join(offering)}.",
        )
    if backend.host.faults.lacks_capacity(zone, name):
        raise no_capacity(name, zone)


def has_nvme(name: str) -> bool:
    """Are EBS volumes of the type NVMe devices, whose serial is the volume's id? Not on Xen."""
    return bool(INSTANCE_TYPES[name]["EbsInfo"]["NvmeSupport"] != "unsupported")


def is_nitro(name: str) -> bool:
    """Does the type run on the Nitro hypervisor, or on metal without any?"""
    return bool(INSTANCE_TYPES[name].get("Hypervisor") != "xen")


def machine_size(name: str) -> tuple[int, int]:
    """(virtual processors, MiB of memory) of a machine of that type.

    More processors than the host has only slow a machine down, and a guest given more memory than half of the
    host's would fill it with its page cache: both are cut to that.
    """
    known = INSTANCE_TYPES[name]
    host_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    vcpus = min(int(known["VCpuInfo"]["DefaultVCpus"]), os.cpu_count() or 1)
    return vcpus, min(int(known["MemoryInfo"]["SizeInMiB"]), max(host_mib // 2, 512))
