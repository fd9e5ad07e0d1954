"""China and GovCloud in the local cloud: ARNs, roles and what their instances are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from build.aws.session import Clients, client, connect
from localcloud import base_image
from localcloud.ec2.models import BlockDevice, LocalAmi
from localcloud.ec2.reconcile import imds_facts
from localcloud.iam import arns, implied_calls, request_context
from tests.pretended_cloud import BASE, PretendedCloud, pretended_cloud

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
ACCOUNT = "123456789012"
EVERY = pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [
        ("eu-west-1", "aws", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
    ],
)


@pytest.fixture
def cloud() -> Iterator[PretendedCloud]:
    with pretended_cloud() as cloud:
        yield cloud


def in_region(cloud: PretendedCloud, region: str) -> Clients:
    return connect(replace(cloud.clients.cloud, region=region))


def launched(cloud: PretendedCloud, clients: Clients) -> str:
    """An instance with the role ``hub``, which may read the parameters below /mine."""
    partition = arns.partition(clients.cloud.region)
    may = {
        "Effect": "Allow",
        "Action": "ssm:GetParameter",
        "Resource": f"arn:{partition}:ssm:{clients.cloud.region}:{ACCOUNT}:parameter/mine",
    }
    clients.iam.create_role(RoleName="hub", AssumeRolePolicyDocument=TRUST)
    clients.iam.put_role_policy(
        RoleName="hub",
        PolicyName="hub",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]}),
    )
    clients.iam.create_instance_profile(InstanceProfileName="hub")
    clients.iam.add_role_to_instance_profile(InstanceProfileName="hub", RoleName="hub")
    backend = cloud.backend.sibling(clients.cloud.region)
    backend.snapshots[BASE] = cloud.backend.snapshots[BASE]
    image = LocalAmi(backend, "ami-0123456789abcdef1", "x", (BlockDevice("/dev/xvda", BASE, 1),), "/dev/xvda")
    image.state = "available"
    backend.amis[image.id] = image
    request: Any = {"ImageId": image.id, "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.nano"}
    made = clients.ec2.run_instances(**request, IamInstanceProfile={"Name": "hub"})
    return str(made["Instances"][0]["InstanceId"])


@EVERY
def test_the_role_of_an_instance_works_in_its_partition(
    cloud: PretendedCloud, region: str, partition: str, suffix: str
) -> None:
    clients = in_region(cloud, region)
    backend, instance = cloud.backend.sibling(region), launched(cloud, clients)
    told: Any = imds_facts.metadata(backend, instance).tree
    assert told["services"] == {"domain": suffix, "partition": partition}
    keys = json.loads(told["iam"]["security-credentials"]["hub"])
    acting = replace(clients.cloud, access_key=keys["AccessKeyId"], secret_key=keys["SecretAccessKey"])
    arn = client(acting, "sts", keys["Token"]).get_caller_identity()["Arn"]
    assert arn == f"arn:{partition}:sts::{ACCOUNT}:assumed-role/hub/{instance}"
    for name in ("/mine", "/others"):
        clients.ssm.put_parameter(Name=name, Value="v", Type="String")
    ssm = client(acting, "ssm", keys["Token"])
    assert ssm.get_parameter(Name="/mine")["Parameter"]["Value"] == "v"
    with pytest.raises(ClientError) as caught:
        ssm.get_parameter(Name="/others")
    assert f"arn:{partition}:ssm:{region}:{ACCOUNT}:parameter/others" in str(caught.value)


def test_roles_of_one_partition_are_unknown_in_another(cloud: PretendedCloud) -> None:
    in_region(cloud, "cn-north-1").iam.create_role(RoleName="hub", AssumeRolePolicyDocument=TRUST)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        cloud.clients.iam.get_role(RoleName="hub")
    arn = in_region(cloud, "cn-northwest-1").iam.get_role(RoleName="hub")["Role"]["Arn"]
    assert arn == f"arn:aws-cn:iam::{ACCOUNT}:role/hub"


@EVERY
def test_a_calls_resources_are_of_the_partition(region: str, partition: str, suffix: str) -> None:
    for service, operation, parameters in (
        ("ec2", "StopInstances", {"InstanceIds": ["i-01"]}),
        ("iam", "GetRole", {"RoleName": "hub"}),
        ("route53", "GetHostedZone", {"Id": "Z1"}),
        ("ssm", "GetParameter", {"Name": "/a"}),
        ("cloudformation", "DescribeStacks", {"StackName": "a"}),
    ):
        call = request_context.call(service, operation, parameters, region, ACCOUNT)
        assert [arn.split(":")[1] for arn in call.resources] == [partition]


@pytest.mark.parametrize(
    ("region", "service"),
    [
        ("us-east-1", "ec2.amazonaws.com"),
        ("cn-north-1", "ec2.amazonaws.com.cn"),
        ("us-gov-west-1", "ec2.amazonaws.com"),
    ],
)
def test_whom_a_role_is_passed_to(cloud: PretendedCloud, region: str, service: str) -> None:
    in_region(cloud, region).iam.create_role(RoleName="hub", AssumeRolePolicyDocument=TRUST)
    asked = {"RoleName": "hub", "InstanceProfileName": "hub"}
    (passed,) = implied_calls.passed("iam", "AddRoleToInstanceProfile", asked, region, ACCOUNT)
    assert passed.context == {"iam:passedtoservice": (service,)}


def test_debians_account_publishes_in_the_partition_aws_only(
    cloud: PretendedCloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    disk = tmp_path / "x.qcow2"
    disk.write_text('{"size": 1073741824, "backing": null}')
    facts = ("x86_64", 1, "2026-11-29T00:00:00+00:00", "", "recipe")
    found = [
        base_image.BaseImage(f"{name}-1", disk, name, owner, "admin", *facts)
        for name, owner in (("debian", "136693071363"), ("tiny", "000000000000"))
    ]
    monkeypatch.setattr(base_image, "cached", lambda: found)
    for region, names in (("eu-west-1", ["debian-1", "tiny-1"]), ("cn-north-1", ["tiny-1"])):
        listed = in_region(cloud, region).ec2.describe_images()["Images"]
        assert sorted(image["Name"] for image in listed) == names
