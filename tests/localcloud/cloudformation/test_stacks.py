"""Stacks: made through the services' own APIs, brought up to date, gone back on, removed; what is not known
is refused aloud.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.cloudformation.models import cloudformation_backends

from localcloud.cloudformation import install as cloudformation
from localcloud.cloudformation.stacks import Caller
from localcloud.ec2.host import Host
from localcloud.faults.fault import Fault
from tests.localcloud.cloudformation.conftest import restart

Client = Callable[..., Any]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def group(name: str = "/tests/a", days: int = 3) -> dict[str, Any]:
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name, "RetentionInDays": days}}


def role(*actions: str) -> dict[str, Any]:
    allow = {"Effect": "Allow", "Action": list(actions), "Resource": {"Fn::GetAtt": ["Logs", "Arn"]}}
    policy = {"PolicyName": "logs", "PolicyDocument": {"Version": "2012-10-17", "Statement": [allow]}}
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST, "Policies": [policy]}}


def deploy(client: Client, resources: dict[str, Any], call: str = "create", **more: Any) -> dict[str, Any]:
    """Begin, wait until it is at rest, and describe it."""
    stacks = client("cloudformation")
    body = json.dumps(
        {"Resources": resources, "Outputs": {"Name": {"Value": {"Ref": next(iter(resources))}}}}
    )
    begin = getattr(stacks, f"{call}_stack")
    stack_id = begin(StackName="tests", TemplateBody=body, Capabilities=["CAPABILITY_IAM"], **more)["StackId"]
    return at_rest(stacks, stack_id)


def at_rest(stacks: Any, stack_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while True:
        found: dict[str, Any] = stacks.describe_stacks(StackName=stack_id)["Stacks"][0]
        if not found["StackStatus"].endswith("_IN_PROGRESS"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def reasons(client: Client, stack_id: str) -> dict[str, str]:
    """Logical id -> why it failed."""
    events = client("cloudformation").describe_stack_events(StackName=stack_id)["StackEvents"]
    return {
        one["LogicalResourceId"]: one["ResourceStatusReason"]
        for one in events
        if one["ResourceStatus"].endswith("_FAILED")
    }


def groups(client: Client) -> dict[str, int | None]:
    return {
        one["logGroupName"]: one.get("retentionInDays")
        for one in client("logs").describe_log_groups()["logGroups"]
    }


def test_resources_are_made_in_the_order_of_their_needs_and_listed_by_their_services(client: Client) -> None:
    made = deploy(client, {"Role": role("logs:PutLogEvents"), "Logs": group()})
    assert made["StackStatus"] == "CREATE_COMPLETE"
    resources = client("cloudformation").describe_stack_resources(StackName="tests")["StackResources"]
    assert [(one["LogicalResourceId"], one["ResourceStatus"]) for one in resources] == [
        ("Logs", "CREATE_COMPLETE"),
        ("Role", "CREATE_COMPLETE"),
    ]
    name = resources[1]["PhysicalResourceId"]
    assert name.startswith("tests-Role-")
    assert made["Outputs"] == [{"OutputKey": "Name", "OutputValue": name}]
    document = client("iam").get_role_policy(RoleName=name, PolicyName="logs")["PolicyDocument"]
    assert document["Statement"][0]["Resource"] == "arn:aws:logs:us-east-1:123456789012:log-group:/tests/a:*"
    assert client("iam").get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"] == TRUST
    assert groups(client) == {"/tests/a": 3}


def test_an_update_changes_what_differs_makes_what_is_new_and_removes_what_is_gone(client: Client) -> None:
    deploy(client, {"Logs": group(), "Other": group("/tests/other"), "Role": role("logs:PutLogEvents")})
    (before,) = client("iam").list_roles()["Roles"]
    made = deploy(
        client,
        {"Logs": group(days=7), "Third": group("/tests/third"), "Role": role("logs:CreateLogStream")},
        "update",
    )
    assert made["StackStatus"] == "UPDATE_COMPLETE"
    assert groups(client) == {"/tests/a": 7, "/tests/third": 3}
    (after,) = client("iam").list_roles()["Roles"]
    assert after["RoleId"] == before["RoleId"]
    document = client("iam").get_role_policy(RoleName=after["RoleName"], PolicyName="logs")["PolicyDocument"]
    assert document["Statement"][0]["Action"] == ["logs:CreateLogStream"]
    with pytest.raises(ClientError, match="No updates are to be performed"):
        deploy(
            client,
            {"Logs": group(days=7), "Third": group("/tests/third"), "Role": role("logs:CreateLogStream")},
            "update",
        )


def test_another_name_is_another_resource_and_those_that_refer_to_it_follow(client: Client) -> None:
    deploy(client, {"Logs": group(), "Role": role("logs:PutLogEvents")})
    deploy(client, {"Logs": group("/tests/b"), "Role": role("logs:PutLogEvents")}, "update")
    assert groups(client) == {"/tests/b": 3}
    (found,) = client("iam").list_roles()["Roles"]
    document = client("iam").get_role_policy(RoleName=found["RoleName"], PolicyName="logs")["PolicyDocument"]
    assert "/tests/b" in document["Statement"][0]["Resource"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"Type": "AWS::S3::Bucket"}, "The local cloud makes no AWS::S3::Bucket; it makes "),
        (
            {"Type": "AWS::Logs::LogGroup", "Properties": {"KmsKeyId": "x"}},
            "The local cloud does not know KmsKeyId of AWS::Logs::LogGroup",
        ),
    ],
)
def test_what_is_not_known_is_refused_before_anything_is_made(
    client: Client, wrong: dict[str, Any], words: str
) -> None:
    made = deploy(client, {"Logs": group(), "Wrong": wrong}, OnFailure="DO_NOTHING")
    assert made["StackStatus"] == "CREATE_FAILED"
    assert made["StackStatusReason"] == "The following resource(s) failed to create: [Wrong]."
    assert words in reasons(client, made["StackId"])["Wrong"]
    assert groups(client) == {}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"Type": "AWS::IAM::Role", "Properties": {}}, "The property 'AssumeRolePolicyDocument' is missing."),
        (
            {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST, "Policies": ["x"]}},
            "indices must be integers",
        ),
        (
            {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": "many"}},
            "Invalid type for parameter retentionInDays",
        ),
        (
            {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {"LogGroupName": {"Fn::GetAtt": ["Logs", "Nothing"]}},
            },
            "no attribute Nothing",
        ),
    ],
)
def test_properties_of_a_wrong_shape_fail_and_nothing_hangs(
    client: Client, wrong: dict[str, Any], words: str
) -> None:
    made = deploy(client, {"Logs": group(), "Wrong": wrong})
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    assert words in reasons(client, made["StackId"])["Wrong"]
    assert (groups(client), client("iam").list_roles()["Roles"]) == ({}, [])


@pytest.mark.parametrize(
    ("on_failure", "status"), [("DELETE", "DELETE_COMPLETE"), ("ROLLBACK", "ROLLBACK_COMPLETE")]
)
def test_what_was_made_goes_when_something_fails(client: Client, on_failure: str, status: str) -> None:
    client("logs").create_log_group(logGroupName="/tests/taken")
    resources = {
        "Logs": group(),
        "Role": role("logs:PutLogEvents"),
        "Taken": {**group("/tests/taken"), "DependsOn": ["Role"]},
    }
    made = deploy(client, resources, OnFailure=on_failure)
    assert made["StackStatus"] == status
    assert "already exists" in reasons(client, made["StackId"])["Taken"]
    assert groups(client) == {"/tests/taken": None}
    assert client("iam").list_roles()["Roles"] == []


def test_what_was_half_made_goes_too(client: Client, host: Host) -> None:
    host.faults.set(Fault(kind="error", call="PutRolePolicy", code="LimitExceeded"))
    made = deploy(client, {"Logs": group(), "Role": role("logs:PutLogEvents")})
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "(LimitExceeded)" in reasons(client, made["StackId"])["Role"]
    assert (groups(client), client("iam").list_roles()["Roles"]) == ({}, [])


def test_a_failed_update_goes_back(client: Client) -> None:
    deploy(client, {"Logs": group()})
    client("logs").create_log_group(logGroupName="/tests/taken")
    made = deploy(
        client,
        {"Logs": group(days=7), "More": group("/tests/more"), "Taken": group("/tests/taken")},
        "update",
    )
    assert made["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert groups(client) == {"/tests/a": 3, "/tests/taken": None}
    assert deploy(client, {"Logs": group(days=14)}, "update")["StackStatus"] == "UPDATE_COMPLETE"


def test_a_deleted_stack_is_gone_by_name_and_known_by_id(client: Client) -> None:
    made = deploy(client, {"Logs": group(), "Role": role("logs:PutLogEvents")})
    client("logs").delete_log_group(logGroupName="/tests/a")  # by somebody else: no reason to fail
    client("cloudformation").delete_stack(StackName="tests")
    assert at_rest(client("cloudformation"), made["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert (groups(client), client("iam").list_roles()["Roles"]) == ({}, [])
    with pytest.raises(ClientError, match="Stack with id tests does not exist"):
        client("cloudformation").describe_stacks(StackName="tests")
    client("cloudformation").delete_stack(StackName="tests")
    assert deploy(client, {"Logs": group()})["StackStatus"] == "CREATE_COMPLETE"


def test_a_deletion_overtakes_what_is_under_way(client: Client, host: Host) -> None:
    host.faults.set(Fault(kind="delay", call="CreateLogGroup", seconds=0.5))
    body = json.dumps({"Resources": {f"Logs{number}": group(f"/tests/{number}") for number in range(4)}})
    stack_id = client("cloudformation").create_stack(StackName="tests", TemplateBody=body)["StackId"]
    time.sleep(0.7)
    client("cloudformation").delete_stack(StackName="tests")
    assert at_rest(client("cloudformation"), stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert groups(client) == {}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            {"TemplateBody": json.dumps({"Resources": {"Role": role("a:b"), "Logs": group()}})},
            r"Requires capabilities : \[CAPABILITY_IAM\]",
        ),
        (
            {"TemplateBody": json.dumps({"Parameters": {}, "Resources": {"Logs": group()}})},
            "does not know the section Parameters",
        ),
        (
            {"TemplateBody": json.dumps({"Resources": {"Logs": group()}, "Description": "x" * 60_000})},
            "less than or equal to 51200",
        ),
        ({"TemplateBody": "{"}, "Template format error"),
        ({"TemplateURL": "https://example.org/x"}, "does not know TemplateURL"),
    ],
)
def test_calls_that_make_no_stack(client: Client, call: dict[str, str], words: str) -> None:
    with pytest.raises(ClientError, match=words):
        client("cloudformation").create_stack(StackName="tests", **call)
    assert client("cloudformation").describe_stacks()["Stacks"] == []


def test_resources_are_made_with_the_rights_of_whoever_asks(client: Client) -> None:
    """As CloudFormation does without a service role."""
    iam = client("iam")
    arn = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    allow = {
        "Effect": "Allow",
        "Action": ["cloudformation:*", "logs:CreateLogGroup", "logs:Describe*", "logs:Delete*"],
        "Resource": "*",
    }
    iam.put_role_policy(
        RoleName="deployer",
        PolicyName="x",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allow}),
    )
    given = client("sts").assume_role(RoleArn=arn, RoleSessionName="deploy")["Credentials"]
    keys = {"aws_access_key_id": given["AccessKeyId"], "aws_session_token": given["SessionToken"]}
    made = deploy(lambda service: client(service, **keys), {"Logs": group()})
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "not authorized to perform: logs:PutRetentionPolicy" in reasons(client, made["StackId"])["Logs"]
    assert groups(client) == {}


def test_a_stack_that_was_under_way_is_gone_on_with_after_a_start(client: Client) -> None:
    stacks: Any = cloudformation_backends["123456789012"]["us-east-1"]
    stack = stacks.add(
        "tests", json.dumps({"Resources": {"Logs": group()}}), Caller("test", None), "DELETE", {}, []
    )
    time.sleep(0.2)
    assert groups(client) == {}
    cloudformation.resume()
    assert at_rest(client("cloudformation"), stack.id)["StackStatus"] == "CREATE_COMPLETE"
    assert groups(client) == {"/tests/a": 3}


def test_stacks_and_what_they_made_are_kept(client: Client, host: Host) -> None:
    topic = {
        "Type": "AWS::SNS::Topic",
        "Properties": {
            "TopicName": "kept",
            "Subscription": [{"Protocol": "email", "Endpoint": "a@example.org"}],
        },
    }
    deploy(client, {"Logs": group(), "Topic": topic})
    restart(host)
    assert (
        client("cloudformation").describe_stacks(StackName="tests")["Stacks"][0]["StackStatus"]
        == "CREATE_COMPLETE"
    )
    assert groups(client) == {"/tests/a": 3}
    assert client("sns").list_topics()["Topics"] == [{"TopicArn": "arn:aws:sns:us-east-1:123456789012:kept"}]
