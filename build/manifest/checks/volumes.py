"""Rules of EBS volumes: what EC2 would refuse at the launch is refused before it.

Ranges and ratios: EC2 API reference, EbsBlockDevice, and "Amazon EBS volume types" of the EBS user guide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from build.manifest.schema import ManifestFile, RootVolume
from build.manifest.yaml.nodes import KeyPath

_AT: KeyPath = ("builder", "root_volume")
_IOPS: Mapping[str, tuple[int, int]] = {"gp3": (3000, 80000), "io1": (100, 64000), "io2": (100, 256000)}
_IOPS_PER_GIB: Mapping[str, int] = {"gp3": 500, "io1": 50, "io2": 1000}
_LARGEST_GIB: Mapping[str, int] = {"gp2": 16384, "io1": 16384}
_IOPS_OF_GP3, _IOPS_PER_MIB_S = 3000, 4


def problems(settings: ManifestFile) -> Iterator[tuple[KeyPath, str]]:
    """Everything that keeps the builder's root volume from being made as the manifest says."""
    volume = settings.builder.root_volume
    yield from _iops(volume)
    yield from _throughput(volume)
    if volume.size_gib > _LARGEST_GIB.get(volume.type, volume.size_gib):
        yield (*_AT, "size_gib"), f"should be at most {_LARGEST_GIB[volume.type]} when type is {volume.type}"
    yield from _key(_AT, volume.kms_key_id, settings)
    yield from _key(("launch", "data_volume"), settings.launch.data_volume.kms_key_id, settings)
    if volume.kms_key_id and not volume.encrypted:
        yield (*_AT, "kms_key_id"), "is given but encrypted is false"


def _iops(volume: RootVolume) -> Iterator[tuple[KeyPath, str]]:
    allowed = _IOPS.get(volume.type)
    if volume.iops is None:
        if volume.type in ("io1", "io2"):
            yield _AT, f"needs iops when type is {volume.type}"
        return
    if allowed is None:
        yield (*_AT, "iops"), f"cannot be set when type is {volume.type}"
        return
    most = min(allowed[1], max(_IOPS_PER_GIB[volume.type] * volume.size_gib, allowed[0]))
    if not allowed[0] <= volume.iops <= most:
        yield (
            (*_AT, "iops"),
            f"should be from {allowed[0]} to {most} when type is {volume.type} and size_gib is "
            f"{volume.size_gib}, is {volume.iops}",
        )


def _throughput(volume: RootVolume) -> Iterator[tuple[KeyPath, str]]:
    if volume.throughput is None:
        return
    if volume.type != "gp3":
        yield (*_AT, "throughput"), f"cannot be set when type is {volume.type}"
        return
    most = (volume.iops or _IOPS_OF_GP3) // _IOPS_PER_MIB_S
    if volume.throughput > most:
        yield (
            (*_AT, "throughput"),
            f"should be at most {most} with {volume.iops or _IOPS_OF_GP3} iops, is {volume.throughput}",
        )


def _key(at: KeyPath, key: str | None, settings: ManifestFile) -> Iterator[tuple[KeyPath, str]]:
    region = key.split(":")[3] if key and key.startswith("arn:") else settings.region
    if region != settings.region:
        yield (*at, "kms_key_id"), f"is a key of {region}, and region is {settings.region}"
