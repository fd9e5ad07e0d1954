"""A server that is killed has lost nothing of the account: every listing is the same afterwards."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.server import control
from tests.cloud.customer import FAST, Customer, until

pytestmark = pytest.mark.vm

ZONE = "us-east-1a"
TAGS = [{"Key": "for", "Value": "keeping"}]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def tagged(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": TAGS}]


def fill(cloud: Customer) -> None:
    """One of everything an account can hold without a machine."""
    ec2, iam, ssm, route53 = (cloud.client(service) for service in ("ec2", "iam", "ssm", "route53"))
    volume = ec2.create_volume(AvailabilityZone=ZONE, Size=1, TagSpecifications=tagged("volume"))["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig=FAST)
    snapshot = ec2.create_snapshot(VolumeId=volume, TagSpecifications=tagged("snapshot"))["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig=FAST)
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot, "DeleteOnTermination": True}}
    ec2.register_image(
        Name="kept", RootDeviceName="/dev/xvda", BlockDeviceMappings=[disk], TagSpecifications=tagged("image")
    )
    ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))
    ec2.create_key_pair(KeyName="kept", KeyType="ed25519", TagSpecifications=tagged("key-pair"))
    group = ec2.create_security_group(
        GroupName="kept", Description="kept", TagSpecifications=tagged("security-group")
    )["GroupId"]
    rule = {
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "IpRanges": [{"CidrIp": "127.0.0.1/32", "Description": "door"}],
    }
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[rule], TagSpecifications=tagged("security-group-rule")
    )
    iam.create_role(RoleName="kept", AssumeRolePolicyDocument=json.dumps(TRUST), Tags=TAGS)
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}],
    }
    iam.put_role_policy(RoleName="kept", PolicyName="kept", PolicyDocument=json.dumps(policy))
    iam.create_instance_profile(InstanceProfileName="kept")
    iam.add_role_to_instance_profile(InstanceProfileName="kept", RoleName="kept")
    ssm.put_parameter(Name="/kept/secret", Value="s3cret", Type="SecureString", Tags=TAGS)
    zone = route53.create_hosted_zone(Name="kept.test", CallerReference="kept")["HostedZone"]["Id"]
    record = {"Name": "www.kept.test", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "127.77.1.1"}]}
    route53.change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    )


def account(cloud: Customer) -> dict[str, Any]:
    """Everything it holds, as its listings tell."""
    ec2, iam, ssm, route53 = (cloud.client(service) for service in ("ec2", "iam", "ssm", "route53"))
    listings: dict[str, Callable[[], Any]] = {
        "volumes": lambda: ec2.describe_volumes()["Volumes"],
        "snapshots": lambda: ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"],
        "images": lambda: ec2.describe_images(Owners=["self"])["Images"],
        "addresses": lambda: ec2.describe_addresses()["Addresses"],
        "keys": lambda: ec2.describe_key_pairs()["KeyPairs"],
        "groups": lambda: ec2.describe_security_groups()["SecurityGroups"],
        "rules": lambda: ec2.describe_security_group_rules()["SecurityGroupRules"],
        "tags": lambda: ec2.describe_tags()["Tags"],
        "role": lambda: iam.get_role(RoleName="kept")["Role"],
        "policy": lambda: iam.get_role_policy(RoleName="kept", PolicyName="kept")["PolicyDocument"],
        "profile": lambda: iam.get_instance_profile(InstanceProfileName="kept")["InstanceProfile"],
        "parameter": lambda: ssm.get_parameter(Name="/kept/secret", WithDecryption=True)["Parameter"],
        "parameter tags": lambda: ssm.list_tags_for_resource(
            ResourceType="Parameter", ResourceId="/kept/secret"
        )["TagList"],
        "zones": lambda: [
            (zone["Name"], route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"])
            for zone in route53.list_hosted_zones()["HostedZones"]
        ],
    }
    return {name: look() for name, look in listings.items()}


def test_everything_an_account_holds_is_there_after_a_kill(fresh_cloud: Customer) -> None:
    fill(fresh_cloud)
    before = account(fresh_cloud)
    kinds = {tag["ResourceType"] for tag in before["tags"]}
    assert {
        "volume",
        "snapshot",
        "image",
        "elastic-ip",
        "key-pair",
        "security-group",
        "security-group-rule",
    } <= kinds
    assert "example.test." in [name for name, _ in before["zones"]]

    os.kill(fresh_cloud.endpoint.pid, signal.SIGKILL)
    until(lambda: control.find(fresh_cloud.folder) is None, 10, "the end of the server")
    again = Customer(control.ensure_up(fresh_cloud.folder, port=0), fresh_cloud.folder, fresh_cloud.key)
    after = account(again)
    for kind, listed in before.items():
        assert after[kind] == listed, kind
