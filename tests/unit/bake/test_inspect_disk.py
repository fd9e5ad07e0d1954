"""The volume of the look from outside, and the time that look may take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from build.bake.steps.inspect_disk import CopyDisk
from build.bake.steps.verify import _with_more_time
from build.manifest import load
from localcloud.faults.fault import Fault
from tests.conftest import REPO
from tests.pretended_cloud import BASE, PretendedCloud, pretended_cloud


@pytest.fixture
def cloud() -> Iterator[PretendedCloud]:
    with pretended_cloud() as cloud:
        yield cloud


def build(cloud: PretendedCloud) -> Any:
    """A build whose image has been made."""
    said: list[str] = []
    return SimpleNamespace(
        clients=cloud.clients,
        snapshot_ids=(BASE,),
        run=SimpleNamespace(tags={"hubsmith:run": "run-1"}, started=datetime.now(timezone.utc)),
        report=SimpleNamespace(note=said.append, said=said),
    )


def test_its_blocks_come_at_a_known_rate(cloud: PretendedCloud) -> None:
    state, asked = build(cloud), []
    cloud.clients.ec2.meta.events.register(
        "provide-client-params.ec2.CreateVolume", lambda params, **_: asked.append(dict(params))
    )
    made = CopyDisk()._create(state, "us-east-1a")
    assert [one["VolumeInitializationRate"] for one in asked] == [300]
    (volume,) = cloud.clients.ec2.describe_volumes(VolumeIds=[made])["Volumes"]
    assert (volume["VolumeType"], volume["SnapshotId"]) == ("gp3", BASE)


def test_a_region_without_such_rates_gives_a_volume_as_well(cloud: PretendedCloud) -> None:
    state = build(cloud)
    where = {"VolumeInitializationRate": "*"}
    fault = Fault("error", call="CreateVolume", code="InvalidParameterCombination", where=where)
    cloud.host.faults.set(fault)
    assert CopyDisk()._create(state, "us-east-1a") in cloud.backend.volumes
    assert state.report.said[0].startswith("no volume initialization rate here: ")


def test_another_refusal_is_one(cloud: PretendedCloud) -> None:
    cloud.host.faults.set(Fault("error", call="CreateVolume", code="VolumeLimitExceeded"))
    with pytest.raises(ClientError, match="VolumeLimitExceeded"):
        CopyDisk()._create(build(cloud), "us-east-1a")


@pytest.mark.parametrize(("minutes", "more"), [(30, 90), (1000, 1440)])
def test_it_may_take_three_times_as_long(minutes: int, more: int) -> None:
    manifest = load(REPO / "manifest.yaml", overrides=[f"tests.timeout_minutes={minutes}"])
    assert _with_more_time(manifest).tests.timeout_minutes == more
