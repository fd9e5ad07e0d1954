"""What IAM calls a request."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.iam.request_context import call, implied, normalized

PLACE = "us-east-1", "123456789012"
SSM = "arn:aws:ssm:us-east-1:123456789012:parameter"
EC2 = "arn:aws:ec2:us-east-1:123456789012"


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "resources"),
    [
        ("ssm", "GetParameter", {"Name": "/hub/admin", "WithDecryption": True}, [f"{SSM}/hub/admin"]),
        ("ssm", "GetParameter", {"Name": "plain:3"}, [f"{SSM}/plain"]),
        (
            "ssm",
            "GetParameter",
            {"Name": "/aws/service/debian/release/13/latest/amd64"},
            ["arn:aws:ssm:us-east-1::parameter/aws/service/debian/release/13/latest/amd64"],
        ),
        ("ssm", "GetParameters", {"Names": ["/a", "/b"]}, [f"{SSM}/a", f"{SSM}/b"]),
        ("ssm", "GetParametersByPath", {"Path": "/hub/"}, [f"{SSM}/hub"]),
        (
            "ssm",
            "AddTagsToResource",
            {"ResourceType": "Parameter", "ResourceId": "/a", "Tags": []},
            [f"{SSM}/a"],
        ),
        ("ssm", "DescribeParameters", {}, ["*"]),
        ("route53", "ListHostedZones", {}, ["*"]),
        ("route53", "ListHostedZonesByName", {"DNSName": "x"}, ["*"]),
        ("route53", "ListResourceRecordSets", {"HostedZoneId": "Z1"}, ["arn:aws:route53:::hostedzone/Z1"]),
        ("route53", "GetHostedZone", {"Id": "/hostedzone/Z1"}, ["arn:aws:route53:::hostedzone/Z1"]),
        ("route53", "GetChange", {"Id": "C1"}, ["arn:aws:route53:::change/C1"]),
        (
            "cloudformation",
            "CreateStack",
            {"StackName": "a"},
            ["arn:aws:cloudformation:us-east-1:123456789012:stack/a/*"],
        ),
        ("cloudformation", "DescribeStacks", {}, ["*"]),
        (
            "cloudformation",
            "DeleteStack",
            {"StackName": "arn:aws:cloudformation:x"},
            ["arn:aws:cloudformation:x"],
        ),
        (
            "events",
            "PutTargets",
            {"Rule": "r", "Targets": []},
            ["arn:aws:events:us-east-1:123456789012:rule/r"],
        ),
        (
            "scheduler",
            "CreateSchedule",
            {"Name": "s"},
            ["arn:aws:scheduler:us-east-1:123456789012:schedule/default/s"],
        ),
        (
            "scheduler",
            "DeleteSchedule",
            {"Name": "s", "GroupName": "g"},
            ["arn:aws:scheduler:us-east-1:123456789012:schedule/g/s"],
        ),
        ("sns", "CreateTopic", {"Name": "t"}, ["arn:aws:sns:us-east-1:123456789012:t"]),
        (
            "sns",
            "Subscribe",
            {"TopicArn": "arn:aws:sns:x:t", "Endpoint": "a@example.org"},
            ["arn:aws:sns:x:t"],
        ),
        ("sns", "Unsubscribe", {"SubscriptionArn": "arn:aws:sns:x:t:1"}, ["*"]),
        ("ec2", "DescribeInstances", {"InstanceIds": ["i-01"]}, ["*"]),
        (
            "ec2",
            "StopInstances",
            {"InstanceIds": ["i-01", "i-02"]},
            [f"{EC2}:instance/i-01", f"{EC2}:instance/i-02"],
        ),
        (
            "ec2",
            "AttachVolume",
            {"InstanceId": "i-01", "VolumeId": "vol-02", "Device": "/dev/sdf"},
            [f"{EC2}:instance/i-01", f"{EC2}:volume/vol-02"],
        ),
        ("ec2", "DeregisterImage", {"ImageId": "ami-01"}, ["arn:aws:ec2:us-east-1::image/ami-01"]),
        ("ec2", "StartInstances", {"InstanceIds": []}, ["*"]),
        (
            "ec2",
            "CreateSnapshot",
            {"VolumeId": "vol-02"},
            [f"{EC2}:volume/vol-02", "arn:aws:ec2:us-east-1::snapshot/*"],
        ),
        (
            "ec2",
            "RunInstances",
            {"ImageId": "ami-01", "SecurityGroupIds": ["sg-03"]},
            ["arn:aws:ec2:us-east-1::image/ami-01", f"{EC2}:security-group/sg-03"]
            + [f"{EC2}:{kind}/*" for kind in ("instance", "network-interface", "volume")],
        ),
        (
            "codebuild",
            "StartBuild",
            {"projectName": "rebuild"},
            ["arn:aws:codebuild:us-east-1:123456789012:project/rebuild"],
        ),
        (
            "logs",
            "PutLogEvents",
            {"logGroupName": "/a", "logStreamName": "b", "logEvents": []},
            ["arn:aws:logs:us-east-1:123456789012:log-group:/a:log-stream:b"],
        ),
        (
            "sns",
            "Publish",
            {"TopicArn": "arn:aws:sns:us-east-1:1:x", "Message": "y"},
            ["arn:aws:sns:us-east-1:1:x"],
        ),
        ("s3", "GetObject", {"Bucket": "b", "Key": "a/b"}, ["arn:aws:s3:::b/a/b"]),
        ("s3", "CreateBucket", {"Bucket": "b"}, ["arn:aws:s3:::b"]),
        ("iam", "GetRole", {"RoleName": "hub"}, ["arn:aws:iam::123456789012:role/hub"]),
        (
            "sts",
            "AssumeRole",
            {"RoleArn": "arn:aws:iam::1:role/x", "RoleSessionName": "y"},
            ["arn:aws:iam::1:role/x"],
        ),
    ],
)
def test_the_resources_of_a_call(
    service: str, operation: str, parameters: dict[str, Any], resources: list[str]
) -> None:
    found = call(service, operation, parameters, *PLACE)
    assert (found.action, list(found.resources)) == (f"{service}:{operation}", resources)


def test_the_condition_keys_of_record_changes() -> None:
    def change(action: str, name: str, kind: str) -> dict[str, Any]:
        return {"Action": action, "ResourceRecordSet": {"Name": name, "Type": kind}}

    batch = {
        "Changes": [
            change("UPSERT", "_ACME-challenge.Hub.example.test.", "TXT"),
            change("DELETE", "_acme-challenge.hub.example.test", "TXT"),
        ]
    }
    found = call("route53", "ChangeResourceRecordSets", {"HostedZoneId": "Z1", "ChangeBatch": batch}, *PLACE)
    prefix = "route53:changeresourcerecordsets"
    assert found.context == {
        f"{prefix}normalizedrecordnames": ("_acme-challenge.hub.example.test",),
        f"{prefix}recordtypes": ("TXT",),
        f"{prefix}actions": ("UPSERT", "DELETE"),
    }


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("*.Example.TEST.", "\\052.example.test"),
        ("\\052.a", "\\052.a"),
        ("a_b-c.d", "a_b-c.d"),
        ("é.test", "\\303\\251.test"),
    ],
)
def test_names_as_conditions_have_them(name: str, key: str) -> None:
    assert normalized(name) == key


TAGS = [{"ResourceType": "instance", "Tags": [{"Key": "Owner", "Value": "me"}]}]
KEYS = {"aws:tagkeys": ("Owner",), "aws:requesttag/owner": ("me",)}


def test_the_tags_asked_for_are_those_of_what_is_made_with_them() -> None:
    found = call("ec2", "RunInstances", {"ImageId": "ami-01", "TagSpecifications": TAGS}, *PLACE)
    assert found.context_of(f"{EC2}:instance/*") == KEYS
    assert found.context_of(f"{EC2}:volume/*") == {}
    assert found.context_of("arn:aws:ec2:us-east-1::image/ami-01") == {}
    assert (
        call("ec2", "CreateTags", {"Resources": ["i-01"], "Tags": TAGS[0]["Tags"]}, *PLACE).context_of(
            f"{EC2}:instance/i-01"
        )
        == KEYS
    )
    assert call("ssm", "PutParameter", {"Name": "a", "Tags": TAGS[0]["Tags"]}, *PLACE).context == KEYS


def test_to_make_something_with_tags_is_to_tag_it_too() -> None:
    found = implied("ec2", "RunInstances", {"TagSpecifications": TAGS}, *PLACE)
    assert found is not None
    assert (found.action, found.resources) == ("ec2:CreateTags", (f"{EC2}:instance/*",))
    assert found.context_of(f"{EC2}:instance/*") == {"ec2:createaction": ("RunInstances",), **KEYS}
    assert implied("ec2", "RunInstances", {"ImageId": "ami-01"}, *PLACE) is None
    assert implied("ssm", "PutParameter", {"Name": "a", "Tags": TAGS[0]["Tags"]}, *PLACE) is None


def test_an_id_in_a_tag_is_no_resource_of_the_call() -> None:
    replaces = [{"Key": "hubsmith:replaces", "Value": "i-09"}]
    found = call("ec2", "CreateTags", {"Resources": ["vol-01"], "Tags": replaces}, *PLACE)
    assert found.resources == (f"{EC2}:volume/vol-01",)


@pytest.mark.parametrize(
    ("operation", "action"),
    [("HeadObject", "GetObject"), ("ListObjectsV2", "ListBucket"), ("UploadPart", "PutObject")],
)
def test_s3_calls_some_actions_otherwise_than_operations(operation: str, action: str) -> None:
    found = call("s3", operation, {"Bucket": "b"}, "us-east-1", "123456789012")
    assert (found.action, found.resources) == (f"s3:{action}", ("arn:aws:s3:::b",))
