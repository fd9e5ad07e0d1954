"""Garbage collection: a layer goes when no volume and no snapshot of any account and region stands on it."""

from __future__ import annotations

import logging

from build.errors import MachineError
from localcloud.ec2.backend import LocalBackend

_log = logging.getLogger("hubsmith.localcloud.layers")


def collect(backend: LocalBackend, _: str) -> None:
    """Delete the layers nothing needs. Under the lock, because a layer is made before the model names it."""
    host = backend.host
    with host.lock:
        needed = {layer for sibling in backend.siblings() for layer in _named_by(sibling)}
        try:
            host.layers.delete_unreferenced({layer for layer in needed if host.layers.path(layer).exists()})
        except MachineError:
            _log.exception("unreferenced layers are kept")


def _named_by(backend: LocalBackend) -> set[str]:
    named = {volume.layer for volume in backend.volumes.values()}
    named |= {volume.next_layer for volume in backend.volumes.values() if volume.next_layer}
    return named | {snapshot.layer for snapshot in backend.snapshots.values() if snapshot.layer}
