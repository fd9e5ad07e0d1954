"""Conditions in a role's policy: what it may depends on tags."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from tests.cloud.ec2_client import Ec2Client, refused
from tests.cloud.privileges import calls_of, forget_calls
from tests.cloud.test_roles import profile

pytestmark = [pytest.mark.vm, pytest.mark.turn]


def test_a_role_may_change_what_carries_its_tag(cloud: Ec2Client) -> None:
    """The condition keys that are tags: of what is there, what is being made and what is being tagged."""
    ours = {"Null": {"aws:ResourceTag/Project": "false"}, "StringEquals": {"ec2:ResourceTag/Project": "hub"}}
    statements = [
        {
            "Effect": "Allow",
            "Action": ["ec2:DeleteVolume", "ec2:DeleteTags"],
            "Resource": "*",
            "Condition": ours,
        },
        {
            "Effect": "Allow",
            "Action": "ec2:CreateVolume",
            "Resource": "*",
            "Condition": {
                "StringEquals": {"aws:RequestTag/Project": "hub"},
                "ForAllValues:StringEquals": {"aws:TagKeys": ["Project", "Name"]},
            },
        },
        {
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": "*",
            "Condition": {"StringEquals": {"ec2:CreateAction": "CreateVolume"}},
        },
    ]
    policy = {"Version": "2012-10-17", "Statement": statements}
    forget_calls(cloud.endpoint)
    with profile(cloud, "keeper", policy):
        role = assumed(cloud, "ec2", "keeper")
        foreign = cloud.client("ec2").create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
        mine = volume(role, Project="hub", Name="x")
        role.delete_tags(Resources=[mine], Tags=[{"Key": "Name"}])
        for wrong in ({}, {"Project": "other"}, {"Project": "hub", "Owner": "me"}):
            with refused(
                "UnauthorizedOperation",
                "ec2:CreateVolume on resource: arn:aws:ec2:us-east-1:123456789012:volume/*",
            ):
                volume(role, **wrong)
        with refused(
            "UnauthorizedOperation",
            f"ec2:CreateTags on resource: arn:aws:ec2:us-east-1:123456789012:volume/{foreign}",
        ):
            role.create_tags(Resources=[foreign], Tags=[{"Key": "Project", "Value": "hub"}])
        with refused(
            "UnauthorizedOperation",
            f"ec2:DeleteVolume on resource: arn:aws:ec2:us-east-1:123456789012:volume/{foreign}",
        ):
            role.delete_volume(VolumeId=foreign)
        cloud.client("ec2").create_tags(Resources=[foreign], Tags=[{"Key": "Project", "Value": "hub"}])
        for one in (foreign, mine):
            role.delete_volume(VolumeId=one)
        assert [(record["action"], record["allowed"]) for record in calls_of(cloud.endpoint, "keeper")][
            :3
        ] == [
            ("ec2:CreateVolume", True),
            ("ec2:CreateTags", True),
            ("ec2:DeleteTags", True),
        ]


def volume(ec2: Any, **tags: str) -> str:
    """A volume made with these tags."""
    marks = (
        [{"ResourceType": "volume", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]
        if tags
        else []
    )
    return str(ec2.create_volume(Size=1, AvailabilityZone="us-east-1a", TagSpecifications=marks)["VolumeId"])


def assumed(cloud: Ec2Client, service: str, role: str) -> Any:
    """A client in that role, by STS: no machine is needed."""
    arn = cloud.client("iam").get_role(RoleName=role)["Role"]["Arn"]
    given = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="tests")["Credentials"]
    secrets = {"aws_access_key_id": given["AccessKeyId"], "aws_secret_access_key": given["SecretAccessKey"]}
    session: Any = boto3.Session()  # whose stubs want the service as a literal
    return session.client(
        service,
        endpoint_url=cloud.endpoint.url,
        region_name="us-east-1",
        aws_session_token=given["SessionToken"],
        **secrets,
    )
