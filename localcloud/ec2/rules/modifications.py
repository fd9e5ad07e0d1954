"""ModifyVolume and DescribeVolumesModifications, and the growing itself.

A disk grows live on virtio-blk. QEMU's NVMe controller cannot tell its guest, so there it grows when the
machine is next off, and the modification says so meanwhile. Growing is asked for by size, so doing it twice
(after a crash) is the same as once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from moto.core.utils import utcnow

from build.errors import MachineError
from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error, bad_value, invalid_value
from localcloud.ec2.models import Attachment, LocalVolume, Modification, Shape
from localcloud.ec2.rules import volume_types
from localcloud.machine.machine import Machine

HOLD = "optimized"  # the state change a fault can delay

_FIELDS: dict[str, Callable[[Mapping[str, Any]], object]] = {
    "volume-id": lambda shown: shown["VolumeId"],
    "modification-state": lambda shown: shown["ModificationState"],
    **{
        f"{when.lower()}-{name}": (lambda shown, member=f"{when}{member}": shown.get(member))  # type: ignore[misc]  # bound by the default
        for when in ("Original", "Target")
        for name, member in (("size", "Size"), ("iops", "Iops"), ("volume-type", "VolumeType"))
    },
}


def modify(backend: LocalBackend, volume_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyVolume: Size, VolumeType, Iops, Throughput; what is not named stays.

    The disk grows in the background.
    """
    volume = backend.volume(volume_id)
    asked = {name: value for name, value in changes.items() if value is not None}
    if not asked:
        raise Ec2Error("InvalidParameterCombination", "No parameters were specified for the modification.")
    original = Shape(volume.size, volume.volume_type, volume.iops, volume.throughput)
    target = _target(original, asked)
    if volume.modification and (state := _state(backend, volume.modification)) not in ("completed", "failed"):
        message = f"Volume {volume.id} cannot be modified in modification state {state.upper()}"
        raise Ec2Error("IncorrectModificationState", message)
    volume.volume_type, volume.iops, volume.throughput = target.volume_type, target.iops, target.throughput
    volume.modification = Modification(volume.id, original, target)
    backend.enqueue_volume(volume.id)
    return _shown(backend, volume.modification)


def _target(original: Shape, asked: Mapping[str, Any]) -> Shape:
    volume_type, size = asked.get("VolumeType", original.volume_type), int(asked.get("Size", original.size))
    if volume_type not in volume_types.TYPES:
        raise invalid_value(volume_type, "VolumeType")
    if size < original.size:
        raise bad_value("New size cannot be smaller than existing size")
    volume_types.check_size(size)
    same = original if volume_type == original.volume_type else replace(original, iops=None, throughput=None)
    return Shape(
        size,
        volume_type,
        asked.get("Iops", same.iops or volume_types.DEFAULT_IOPS.get(volume_type)),
        asked.get("Throughput", same.throughput or volume_types.DEFAULT_THROUGHPUT.get(volume_type)),
    )


def describe(
    backend: LocalBackend, volume_ids: list[str], filters: Mapping[str, list[str]]
) -> list[dict[str, Any]]:
    """DescribeVolumesModifications: the newest of each volume."""
    for volume_id in volume_ids:
        if backend.volume(volume_id).modification is None:
            raise Ec2Error(
                "InvalidVolumeModification.NotFound", f"Modification for volume '{volume_id}' does not exist."
            )
    known = [volume.modification for volume in backend.volumes.values() if volume.modification]
    found = [_shown(backend, each) for each in known if not volume_ids or each.volume_id in volume_ids]
    for name in filters:
        if name not in _FIELDS:
            raise bad_value(f"The filter '{name}' is invalid")
    return [
        shown
        for shown in found
        if all(str(_FIELDS[name](shown)) in values for name, values in filters.items())
    ]


def _state(backend: LocalBackend, modification: Modification) -> str:
    return modification.state(held=backend.host.faults.is_held(HOLD, modification.volume_id))


def _shown(backend: LocalBackend, modification: Modification) -> dict[str, Any]:
    return modification.as_response(held=backend.host.faults.is_held(HOLD, modification.volume_id))


def _wanted(volume: LocalVolume) -> Modification | None:
    """The modification that has yet to be carried out."""
    modification = volume.modification
    return (
        modification if modification and modification.applied_at is None and not modification.failed else None
    )


def apply_off(backend: LocalBackend, volume: LocalVolume) -> None:
    """Grow a volume no machine has open; the lock is held."""
    if (modification := _wanted(volume)) is None:
        return
    try:
        if modification.target.size > volume.size:
            backend.host.layers.grow(volume.layer, modification.target.size)
    except MachineError as problem:
        _fail(backend, modification, problem)
        return
    _done(backend, volume, modification)


def apply_live(backend: LocalBackend, attachment: Attachment, machine: Machine) -> None:
    """Grow a volume under a running guest, where its controller can."""
    volume = attachment.volume
    if (modification := _wanted(volume)) is None:
        return
    if modification.target.size > volume.size:
        if attachment.instance.controller == "nvme":
            _postpone(backend, attachment, modification)
            return
        try:
            machine.grow(volume.id, modification.target.size)
        except MachineError as problem:
            with backend.host.lock:
                _fail(backend, modification, problem)
            return
    with backend.host.lock:
        _done(backend, volume, modification)


def _postpone(backend: LocalBackend, attachment: Attachment, modification: Modification) -> None:
    message = (
        f"The NVMe controller of {attachment.instance.id} cannot grow a disk while the instance runs: "
        "reboot or stop it."
    )
    if modification.message != message:
        with backend.host.lock:
            modification.message = message
            backend.host.save()


def _done(backend: LocalBackend, volume: LocalVolume, modification: Modification) -> None:
    volume.size = modification.target.size
    modification.applied_at, modification.message = utcnow(), ""
    backend.host.faults.begin(HOLD, volume.id)
    backend.host.save()


def _fail(backend: LocalBackend, modification: Modification, problem: MachineError) -> None:
    modification.failed, modification.message = True, str(problem)
    backend.host.save()
