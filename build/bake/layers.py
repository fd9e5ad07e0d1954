"""Layers: snapshots of a builder between two provisioners, for later builds to start from.

Which there are, and why not another.

A layer is a snapshot with tags. It is taken while the build goes on, which waits for the call and not for the
copy; EC2 says whether it is whole, so that one of a build that was killed is either complete or not used. The
first build that starts from it registers it as a private image. Its key is the fingerprint of everything up
to and including its provisioner, so that manifests that share their first steps share layers; a layer's age
is that of its oldest packages, not of its snapshot. steps/save_layer.py takes them, steps/restore_layer.py
uses them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from build.aws import encryption, tags
from build.bake.inputs import fingerprint, inputs
from build.bake.inputs.inputs import Inputs
from build.bake.state import Layer
from build.manifest import Manifest, ProvisionerUse

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SnapshotTypeDef

    from build.aws.session import Clients

STATE = "layer"


@dataclass(frozen=True)
class LayerChoice:
    """What there is for one provisioner: the layer, or why there is none to start from."""

    provisioner: str
    layer: Layer | None
    why: str


def key_of(now: Inputs, number: int) -> str:
    """The key of the layer after the provisioner ``number``: what is in it, and what of Hubsmith made it."""
    return fingerprint.digest(
        now.fingerprints[number].digest, *(now.settings[name] for name in inputs.ON_THE_BUILDER)
    )


def find_layers(manifest: Manifest, clients: Clients, now: Inputs) -> list[LayerChoice]:
    """For each provisioner in order what layers there are. Asks once; makes nothing."""
    if not manifest.layers.enabled:
        return [LayerChoice(use.name, None, "layers.enabled is false") for use in manifest.provisioners]
    keys = [key_of(now, number) for number in range(len(manifest.provisioners))]
    snapshots = clients.ec2.describe_snapshots(OwnerIds=["self"], Filters=tags.having(tags.STATE, STATE))[
        "Snapshots"
    ]
    by_key: dict[str, list[SnapshotTypeDef]] = {}
    for snapshot in snapshots:
        by_key.setdefault(tags.as_dict(snapshot.get("Tags")).get(tags.LAYER, ""), []).append(snapshot)
    encrypted = manifest.builder.root_volume.encrypted or (
        any(snapshot["Encrypted"] for snapshot in snapshots) and encryption.by_default(clients.ec2)
    )
    with_layers = {tags.as_dict(snapshot.get("Tags")).get(tags.LAYER_OF, "") for snapshot in snapshots}
    return [
        _best(manifest, use, number, by_key.get(keys[number], []), with_layers, encrypted=encrypted)
        for number, use in enumerate(manifest.provisioners)
    ]


def deepest(choices: Sequence[LayerChoice]) -> Layer | None:
    """The one to start from."""
    return next((choice.layer for choice in reversed(choices) if choice.layer), None)


def start_of(choices: Sequence[LayerChoice]) -> str:
    """In words, for a plan."""
    layer = deepest(choices)
    return (
        f"layer {layer.snapshot_id}, which has the first {layer.depth} provisioner(s) in it"
        if layer
        else "the base image"
    )


def _best(
    manifest: Manifest,
    use: ProvisionerUse,
    number: int,
    snapshots: Sequence[SnapshotTypeDef],
    with_layers: set[str],
    *,
    encrypted: bool,
) -> LayerChoice:
    why = (
        f"{use.name}, or a provisioner before it, has changed since the last layer"
        if use.name in with_layers
        else "no layer was saved yet"
    )
    for snapshot in sorted(
        snapshots, key=lambda one: (tags.as_dict(one.get("Tags"))[tags.SINCE], one["StartTime"]), reverse=True
    ):
        problem = _problem(manifest, snapshot, encrypted=encrypted)
        if problem is None:
            snapshot_tags = tags.as_dict(snapshot.get("Tags"))
            layer = Layer(
                snapshot["SnapshotId"],
                number + 1,
                snapshot_tags.get(tags.MADE_BY, ""),
                snapshot_tags[tags.SINCE],
            )
            return LayerChoice(use.name, layer, f"{layer.snapshot_id}, packages of {layer.since[:16]}")
        why = problem
    return LayerChoice(use.name, None, why)


def _problem(manifest: Manifest, snapshot: SnapshotTypeDef, *, encrypted: bool) -> str | None:
    """Why a layer of the right content cannot be started from; ``encrypted``: the builder's disk will be."""
    snapshot_tags, root = tags.as_dict(snapshot.get("Tags")), manifest.builder.root_volume
    if snapshot["State"] != "completed":
        return f"{snapshot['SnapshotId']} is {snapshot['State']}"
    if datetime.now(timezone.utc) - datetime.fromisoformat(snapshot_tags[tags.SINCE]) > timedelta(
        days=manifest.layers.max_age_days
    ):
        return f"{snapshot['SnapshotId']} is older than layers.max_age_days ({manifest.layers.max_age_days})"
    if snapshot["VolumeSize"] > root.size_gib:
        return (
            f"{snapshot['SnapshotId']} has {snapshot['VolumeSize']} GiB, more than "
            "builder.root_volume.size_gib"
        )
    if snapshot["Encrypted"] and not encrypted:
        return f"{snapshot['SnapshotId']} is encrypted, builder.root_volume is not"
    return None
