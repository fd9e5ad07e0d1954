"""Instance types are offered by zone, and a zone may have no capacity for one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.ec2.reconcile.volumes import drive
from localcloud.faults.fault import Fault
from tests.pretended_cloud import IMAGE, PretendedCloud, pretended_cloud


@pytest.fixture
def cloud() -> Iterator[PretendedCloud]:
    with pretended_cloud() as cloud:
        yield cloud


def subnets(cloud: PretendedCloud) -> dict[str, str]:
    """{zone: its default subnet}."""
    found = cloud.clients.ec2.describe_subnets()["Subnets"]
    return {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in found}


def run(cloud: PretendedCloud, instance_type: str, **more: Any) -> str:
    """Where the instance is launched."""
    request: Any = {"ImageId": IMAGE, "InstanceType": instance_type, "MinCount": 1, "MaxCount": 1}
    made = cloud.clients.ec2.run_instances(**request, **more)
    return str(made["Instances"][0]["Placement"]["AvailabilityZone"])


def test_a_zone_that_does_not_offer_a_type_refuses_it(cloud: PretendedCloud) -> None:
    with pytest.raises(ClientError, match=r"\(t3\.nano\) is not supported .* \(us-east-1e\)") as caught:
        run(cloud, "t3.nano", SubnetId=subnets(cloud)["us-east-1e"])
    assert caught.value.response["Error"]["Code"] == "Unsupported"
    assert "choosing us-east-1a, us-east-1b" in str(caught.value)


@pytest.mark.parametrize(("instance_type", "named"), [("t3.nano", True), ("t2.nano", False)])
def test_a_volume_carries_its_id_where_it_is_an_nvme_device(
    cloud: PretendedCloud, instance_type: str, named: bool
) -> None:
    run(cloud, instance_type)
    (instance,) = cloud.backend.local_instances()
    assert [drive(cloud.backend, attachment).named for attachment in instance.attachments] == [named]


def test_capacity_is_of_a_zone_and_a_type(cloud: PretendedCloud) -> None:
    cloud.host.faults.set(Fault("no-capacity", zone="us-east-1a", instance_type="t3.n*"))
    with pytest.raises(ClientError) as caught:
        run(cloud, "t3.nano", SubnetId=subnets(cloud)["us-east-1a"])
    answer = caught.value.response
    assert answer["Error"]["Code"] == "InsufficientInstanceCapacity"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert run(cloud, "t3.micro", SubnetId=subnets(cloud)["us-east-1a"]) == "us-east-1a"
    assert run(cloud, "t3.nano", SubnetId=subnets(cloud)["us-east-1b"]) == "us-east-1b"
    assert run(cloud, "t3.nano") == "us-east-1b", "EC2 chooses where there is room"
    cloud.host.faults.clear()
    assert run(cloud, "t3.nano") == "us-east-1a"
