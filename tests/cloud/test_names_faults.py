"""Names and certificates on a bad day: Pebble refuses, Route 53 takes its time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.faults import client as faults
from tests.cloud.ec2_client import Ec2Client
from tests.cloud.test_names import ask, change, issue, zone_id

pytestmark = [pytest.mark.vm, pytest.mark.turn]


@pytest.fixture(autouse=True)
def no_faults_left(cloud: Ec2Client) -> Iterator[None]:
    yield
    faults.clear(cloud.endpoint.url)


def test_pebble_refuses_until_the_fault_is_cleared(cloud: Ec2Client, tmp_path: Path) -> None:
    faults.add(cloud.endpoint.url, [{"kind": "acme-refuse"}])
    change(cloud, "UPSERT", "refused.example.test", "A", "127.77.1.2")
    assert ask(cloud, "refused.example.test").rr
    with pytest.raises(AssertionError, match="Some challenges have failed"):
        issue(cloud, tmp_path, "refused.example.test")
    faults.clear(cloud.endpoint.url)
    assert (issue(cloud, tmp_path, "refused.example.test") / "fullchain.pem").exists()
    change(cloud, "DELETE", "refused.example.test", "A", "127.77.1.2")


def test_a_change_is_pending_for_as_long_as_is_asked(cloud: Ec2Client) -> None:
    route53 = cloud.client("route53")
    faults.add(cloud.endpoint.url, [{"kind": "route53-pending"}])
    records = {
        "Name": "slow.example.test",
        "Type": "A",
        "TTL": 10,
        "ResourceRecords": [{"Value": "127.77.1.2"}],
    }
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": records}]}
    made = route53.change_resource_record_sets(HostedZoneId=zone_id(cloud), ChangeBatch=batch)["ChangeInfo"]
    assert made["Status"] == "PENDING"
    assert route53.get_change(Id=made["Id"])["ChangeInfo"]["Status"] == "PENDING"
    faults.clear(cloud.endpoint.url)
    in_sync = route53.get_waiter("resource_record_sets_changed")  # a change takes its moment without a fault
    in_sync.wait(Id=made["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    change(cloud, "DELETE", "slow.example.test", "A", "127.77.1.2")
