"""Snapshots: a volume's layer is frozen and the volume goes on in a new layer on top of it.

Of a running machine that happens live (crash-consistent, as on EC2; reconcile/volumes.py); otherwise it is
two names changing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from moto.core.utils import utcnow
from moto.ec2.utils import random_snapshot_id

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error
from localcloud.ec2.models import LocalSnapshot, LocalVolume, SourceVolume
from localcloud.ec2.rules import images, modifications

TAKEN_S = 10.0  # a volume whose machine is just booting or stopping is snapshot when that is over

# "Wait at least 15 seconds between concurrent volume snapshots" (API reference, error codes): of a volume of
# which one is pending. Where none takes long nobody has to wait: EC2's own figure, with and without faults.
EVERY_S = 15.0
# EBS user guide, "Create Amazon EBS snapshots"
PENDING_LIMIT, PENDING_LIMITS = 5, {"st1": 1, "sc1": 1}


def create(
    backend: LocalBackend, volume: LocalVolume, description: str, tags: Mapping[str, str]
) -> LocalSnapshot:
    """CreateSnapshot: pending, and taken in the background. The caller has checked the volume's limits."""
    source = SourceVolume(volume.id, volume.size, volume.encrypted)
    snapshot = LocalSnapshot(backend, random_snapshot_id(), source, description)
    snapshot.kms_key_id = volume.kms_key_id
    snapshot.add_tags(dict(tags))
    backend.snapshots[snapshot.id] = snapshot
    backend.enqueue_volume(volume.id)
    return snapshot


def check_limits(backend: LocalBackend, volumes: Iterable[LocalVolume]) -> None:
    """Raises EC2's error when no snapshot of one of the volumes may be taken now."""
    for volume in volumes:
        if is_too_soon(backend, volume):
            raise Ec2Error(
                "SnapshotCreationPerVolumeRateExceeded",
                "The maximum per volume CreateSnapshot request rate has been exceeded. Use an increasing or "
                "variable sleep interval between requests.",
            )
        check_pending(backend, volume)


def check_pending(backend: LocalBackend, volume: LocalVolume) -> None:
    """Raises EC2's error when as many snapshots of the volume are pending as may be."""
    if len(_unfinished(backend, volume)) >= PENDING_LIMITS.get(volume.volume_type, PENDING_LIMIT):
        raise Ec2Error(
            "ConcurrentSnapshotLimitExceeded",
            "Maximum allowed in-progress snapshots for a single volume exceeded.",
        )


def is_too_soon(backend: LocalBackend, volume: LocalVolume) -> bool:
    """Is a snapshot of the volume pending that was begun less than ``EVERY_S`` ago?"""
    begun = [found.start_time for found in _unfinished(backend, volume)]
    return bool(begun) and (utcnow() - max(begun)).total_seconds() < EVERY_S


def _unfinished(backend: LocalBackend, volume: LocalVolume) -> list[LocalSnapshot]:
    return [
        found
        for found in backend.snapshots.values()
        if found.volume_id == volume.id and found.status == "pending"
    ]


def wait_until_taken(asked: Iterable[LocalSnapshot]) -> None:
    """EC2 answers when the point in time is fixed; the copy goes on.

    Here both are the moment at which the layer is frozen.
    """
    deadline = time.monotonic() + TAKEN_S
    while any(snapshot.is_to_be_taken for snapshot in asked) and time.monotonic() < deadline:
        time.sleep(0.02)


def delete(backend: LocalBackend, snapshot_id: str) -> None:
    """DeleteSnapshot; refused while an image stands on it."""
    snapshot = backend.snapshot(snapshot_id)
    for image in backend.amis.values():
        if snapshot.id in image.snapshot_ids:
            raise Ec2Error(
                "InvalidSnapshot.InUse", f"The snapshot {snapshot.id} is currently in use by {image.id}"
            )
    if snapshot.owner_id != backend.account_id:
        raise Ec2Error("AuthFailure", f"Not authorized for resource: {snapshot.id}")
    del backend.snapshots[snapshot.id]
    backend.tags.pop(snapshot.id, None)
    backend.enqueue_layer_gc()


def describe(
    backend: LocalBackend, snapshot_ids: Iterable[str], filters: images.Filters, owners: Iterable[str]
) -> list[LocalSnapshot]:
    """DescribeSnapshots; a base image's snapshot belongs to the image's owner."""
    wanted = list(snapshot_ids)
    for snapshot_id in wanted:
        backend.snapshot(snapshot_id)
    accounts = {backend.account_id if owner == "self" else owner for owner in owners}
    found: list[LocalSnapshot] = backend.describe_snapshots(wanted or None, filters)  # type: ignore[assignment]  # ours only
    return [
        each
        for each in found
        if not backend.is_hidden(each.id) and (not accounts or each.owner_id in accounts)
    ]


def pending_of(backend: LocalBackend, volume: LocalVolume) -> list[LocalSnapshot]:
    """The snapshots of a volume that are to be taken."""
    return [
        found for found in backend.snapshots.values() if found.is_to_be_taken and found.volume_id == volume.id
    ]


def make_next_layer(backend: LocalBackend, volume: LocalVolume) -> Path:
    """The layer the volume will go on in. It is in the kept state before anything writes to it."""
    layers = backend.host.layers
    layer = volume.name_next_layer()
    if not layers.path(layer).exists():
        layers.create_overlay(layer, volume.layer, volume.size)
    backend.host.save()
    return layers.path(layer)


def catch_up(backend: LocalBackend, volume: LocalVolume) -> None:
    """Grow a volume nobody writes to, if asked for, and take its pending snapshots; the lock is held."""
    if volume.next_layer is not None:
        # A server that was killed had begun to: the guest may have written there, so the volume goes on in
        # it, wanted or not.
        make_next_layer(backend, volume)
        complete(backend, pending_of(backend, volume), volume.switch())
    modifications.apply_off(backend, volume)
    if waiting := pending_of(backend, volume):
        make_next_layer(backend, volume)
        complete(backend, waiting, volume.switch())


def complete(backend: LocalBackend, waiting: Iterable[LocalSnapshot], layer: str) -> None:
    """The layer is frozen; the lock is held."""
    data_bytes = backend.host.layers.actual_size(layer)
    for snapshot in waiting:
        snapshot.complete(layer)
        snapshot.copy_data(data_bytes)
    images.finish_pending(backend)
    backend.host.save()


def fail(backend: LocalBackend, waiting: Iterable[LocalSnapshot], reason: str) -> None:
    """The layer could not be frozen; the lock is held."""
    for snapshot in waiting:
        snapshot.status, snapshot.state_message = "error", reason
    images.finish_pending(backend)
    backend.host.save()
