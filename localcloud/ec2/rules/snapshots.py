"""Snapshots: a volume's layer is frozen and the volume goes on in a new layer on top of it.

Of a running machine that happens live (crash-consistent, as on EC2; reconcile/volumes.py); otherwise it is
two names changing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from moto.ec2.utils import random_snapshot_id

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error, snapshot_not_found
from localcloud.ec2.models import LocalSnapshot, LocalVolume, SourceVolume
from localcloud.ec2.rules import encryption, images, modifications

TAKEN_S = 10.0  # a volume whose machine is just booting or stopping is snapshot when that is over


def create(
    backend: LocalBackend, volume: LocalVolume, description: str, tags: Mapping[str, str]
) -> LocalSnapshot:
    """CreateSnapshot: pending, and taken in the background."""
    source = SourceVolume(volume.id, volume.size, volume.encrypted)
    snapshot = LocalSnapshot(backend, random_snapshot_id(), source, description)
    snapshot.kms_key_id = volume.kms_key_id
    snapshot.add_tags(dict(tags))
    backend.snapshots[snapshot.id] = snapshot
    backend.host.faults.begin("snapshot", snapshot.id)
    backend.wake_volume(volume.id)
    return snapshot


def wait_until_taken(asked: Iterable[LocalSnapshot]) -> None:
    """EC2 answers when the point in time is fixed; the copy goes on.

    Here both are the moment at which the layer is frozen.
    """
    deadline = time.monotonic() + TAKEN_S
    while any(snapshot.is_to_be_taken for snapshot in asked) and time.monotonic() < deadline:
        time.sleep(0.02)


def copy(
    backend: LocalBackend,
    source: LocalSnapshot,
    description: str,
    tags: Mapping[str, str],
    *,
    encrypted: bool,
) -> LocalSnapshot:
    """CopySnapshot: another name for the same frozen layer."""
    if source.layer is None:
        raise Ec2Error("IncorrectState", f"Snapshot is in invalid state - {source.status}")
    is_encrypted = encryption.is_encrypted(backend, encrypted, source.encrypted)
    volume = SourceVolume("vol-ffffffff", source.volume_size, is_encrypted)
    snapshot = LocalSnapshot(backend, random_snapshot_id(), volume, description)
    snapshot.add_tags(dict(tags))
    snapshot.complete(source.layer)
    backend.snapshots[snapshot.id] = snapshot
    backend.host.faults.begin("snapshot", snapshot.id)
    return snapshot


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
    backend.wake_collector()


def describe(
    backend: LocalBackend, snapshot_ids: Iterable[str], filters: images.Filters, owners: Iterable[str]
) -> list[LocalSnapshot]:
    """DescribeSnapshots; a base image's snapshot belongs to the image's owner."""
    wanted = list(snapshot_ids)
    for snapshot_id in wanted:
        if backend.is_hidden(backend.snapshot(snapshot_id).id):
            raise snapshot_not_found(snapshot_id)
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
    for snapshot in waiting:
        snapshot.complete(layer)
    images.finish_pending(backend)
    backend.host.save()


def fail(backend: LocalBackend, waiting: Iterable[LocalSnapshot], reason: str) -> None:
    """The layer could not be frozen; the lock is held."""
    for snapshot in waiting:
        snapshot.status, snapshot.state_message = "error", reason
    images.finish_pending(backend)
    backend.host.save()
