"""A launch of a hub that is there: it keeps what is right, mends what differs, restores what is gone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cloud.hubs import Site, everything

pytestmark = pytest.mark.vm


def test_once_more_changes_nothing(site: Site, made: dict[str, Any]) -> None:
    there = everything(site.workshop)
    assert site.launched()["changes"] == []
    assert everything(site.workshop) == there


def test_what_differs_is_put_right(site: Site, made: dict[str, Any]) -> None:
    ec2, iam, group_id = site.workshop.client("ec2"), site.workshop.client("iam"), site.group()["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group_id, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
    )
    ec2.disassociate_address(PublicIp=made["address"])
    everything_allowed = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    }
    name = "hubsmith-hub.example.test"
    iam.put_role_policy(RoleName=name, PolicyName="hub", PolicyDocument=json.dumps(everything_allowed))
    done = site.launched("--set", 'launch.allowed_cidrs=["127.0.0.0/8"]')
    assert len(done["changes"]) == 4
    assert site.instances()[0]["PublicIpAddress"] == made["address"]
    assert {r["CidrIp"] for permission in site.group()["IpPermissions"] for r in permission["IpRanges"]} == {
        "127.0.0.0/8"
    }
    assert "ssm:GetParameter" in json.dumps(
        iam.get_role_policy(RoleName=name, PolicyName="hub")["PolicyDocument"]
    )
    site.launched()


def test_terminated_by_force_it_comes_back_with_address_name_and_disk(
    site: Site, made: dict[str, Any]
) -> None:
    old = site.instances()[0]["InstanceId"]
    site.workshop.client("ec2").terminate_instances(InstanceIds=[old])
    again = site.launched()
    assert again["instance_id"] != old
    assert {key: again[key] for key in ("address", "volume_id", "zone_id")} == {
        key: made[key] for key in ("address", "volume_id", "zone_id")
    }
    assert again["admin_password"] is None
    assert site.instances()[0]["PublicIpAddress"] == made["address"]


@pytest.mark.matrix
def test_a_stopped_hub_is_started(site: Site, made: dict[str, Any]) -> None:
    ec2, instance_id = site.workshop.client("ec2"), site.instances()[0]["InstanceId"]
    ec2.stop_instances(InstanceIds=[instance_id])
    assert site.launched()["changes"] == [f"started {instance_id}"]


def test_a_disk_grows_and_never_shrinks(site: Site, made: dict[str, Any]) -> None:
    assert any("grows from 1 to 2 GiB" in change for change in site.launched("--data-size", "2")["changes"])
    done = site.launch("--data-size", "1")
    assert done.status == 2
    assert "a volume cannot shrink" in done.err
