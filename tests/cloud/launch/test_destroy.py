"""The end of a hub: it asks, and keeps the data."""

from __future__ import annotations

import pytest

from tests.cloud.hubs import Site

pytestmark = pytest.mark.vm


def test_destroy_asks_and_keeps_the_data(other: Site) -> None:
    made, ec2 = other.launched(), other.runner.client("ec2")
    asked = other.invoke("destroy")
    assert asked.status == 2
    assert "nothing was removed" in asked.err
    assert len(other.instances()) == 1

    assert other.invoke("destroy", "--yes").status == 0
    ours = [{"Name": "tag:hubsmith:hub", "Values": [other.domain]}]
    assert [volume["VolumeId"] for volume in ec2.describe_volumes(Filters=ours)["Volumes"]] == [
        made["volume_id"]
    ]
    assert len(ec2.describe_snapshots(Filters=ours)["Snapshots"]) == 1
    assert other.launched()["volume_id"] == made["volume_id"]
