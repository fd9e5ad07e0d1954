"""Layers that an account has encrypted by default are started from, whatever the manifest says."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from build.aws import tags
from build.bake import layers
from build.bake.inputs.inputs import Inputs
from build.manifest import load

SHIPPED = Path(__file__).parents[3] / "manifest.yaml"


@pytest.mark.parametrize(
    ("wanted", "by_default", "used"), [("true", False, True), ("false", False, False), ("false", True, True)]
)
def test_an_encrypted_layer_serves_where_the_builders_disk_is_encrypted(
    wanted: str, by_default: bool, used: bool
) -> None:
    manifest = load(SHIPPED, cloud="local", overrides=[f"builder.root_volume.encrypted={wanted}"])
    now = Inputs.from_manifest(manifest, "ami-1", "debian", "admin")
    marks = {tags.LAYER: layers.key_of(now, 0), tags.SINCE: datetime.now(timezone.utc).isoformat()}
    snapshot = {
        "SnapshotId": "snap-1",
        "State": "completed",
        "StartTime": datetime.now(timezone.utc),
        "VolumeSize": 8,
        "Encrypted": True,
        "Tags": tags.as_list(marks),
    }
    ec2: Any = SimpleNamespace(
        describe_snapshots=lambda **_: {"Snapshots": [snapshot]},
        get_ebs_encryption_by_default=lambda: {"EbsEncryptionByDefault": by_default},
    )
    found = layers.find_layers(manifest, SimpleNamespace(ec2=ec2), now)  # type: ignore[arg-type]
    assert bool(layers.deepest(found)) is used
