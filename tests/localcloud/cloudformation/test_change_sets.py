"""Change sets: what a template would change is said before, and done when it is asked for; as `aws
cloudformation deploy` works.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from localcloud.cloudformation import install as cloudformation
from localcloud.ec2.host import Host
from tests.localcloud.cloudformation.conftest import restart
from tests.localcloud.cloudformation.test_stacks import TRUST, at_rest, group, groups, reasons

Client = Callable[..., Any]
ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
FAST = {"Delay": 1, "MaxAttempts": 20}


def propose(client: Client, name: str, kind: str, resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = json.dumps(
        {"Description": "tests", "Resources": resources, "Outputs": {"Name": {"Value": {"Ref": "A"}}}}
    )
    call = {"StackName": "tests", "ChangeSetName": name, "ChangeSetType": kind, "TemplateBody": body, **more}
    made: dict[str, Any] = client("cloudformation").create_change_set(**call)
    return made


def proposed(client: Client, change_set: str) -> list[tuple[str, ...]]:
    found = client("cloudformation").describe_change_set(ChangeSetName=change_set)["Changes"]
    return [
        tuple(
            filter(
                None,
                (
                    each["Action"],
                    each["LogicalResourceId"],
                    each.get("PhysicalResourceId"),
                    each.get("Replacement"),
                ),
            )
        )
        for each in (change["ResourceChange"] for change in found)
    ]


def execute(client: Client, change_set: str) -> dict[str, Any]:
    stacks = client("cloudformation")
    stacks.execute_change_set(ChangeSetName=change_set)
    return at_rest(stacks, stacks.describe_change_set(ChangeSetName=change_set)["StackId"])


def test_a_stack_is_made_and_changed_by_change_sets_and_nothing_before(client: Client) -> None:
    stacks = client("cloudformation")
    first = propose(
        client,
        "first",
        "CREATE",
        {"A": group("/a"), "B": group("/b"), "C": group("/c")},
        Tags=[{"Key": "a", "Value": "b"}],
    )
    stacks.get_waiter("change_set_create_complete").wait(
        ChangeSetName="first", StackName="tests", WaiterConfig=FAST
    )
    assert stacks.describe_stacks(StackName="tests")["Stacks"][0]["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert proposed(client, first["Id"]) == [("Add", "A"), ("Add", "B"), ("Add", "C")]
    assert groups(client) == {}
    made = execute(client, first["Id"])
    assert made["StackStatus"] == "CREATE_COMPLETE", reasons(client, first["Id"])
    assert (made["Tags"], made["Description"]) == ([{"Key": "a", "Value": "b"}], "tests")
    assert made["Outputs"] == [{"OutputKey": "Name", "OutputValue": "/a"}]

    second = propose(
        client, "second", "UPDATE", {"A": group("/a", 7), "B": group("/other"), "D": group("/d")}
    )
    assert proposed(client, second["Id"]) == [
        ("Modify", "A", "/a", "False"),
        ("Modify", "B", "/b", "True"),
        ("Add", "D"),
        ("Remove", "C", "/c"),
    ]
    assert groups(client) == {"/a": 3, "/b": 3, "/c": 3}
    assert execute(client, second["Id"])["StackStatus"] == "UPDATE_COMPLETE"
    assert groups(client) == {"/a": 7, "/other": 3, "/d": 3}


def test_one_without_changes_has_failed_and_says_so(client: Client) -> None:
    stacks = client("cloudformation")
    execute(client, propose(client, "first", "CREATE", {"A": group()})["Id"])
    propose(client, "again", "UPDATE", {"A": group()})
    with pytest.raises(WaiterError):
        stacks.get_waiter("change_set_create_complete").wait(
            ChangeSetName="again", StackName="tests", WaiterConfig=FAST
        )
    found = stacks.describe_change_set(ChangeSetName="again", StackName="tests")
    assert (found["Status"], found["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "The submitted information didn't contain changes." in found["StatusReason"]
    with pytest.raises(ClientError, match="cannot be executed") as refused:
        stacks.execute_change_set(ChangeSetName="again", StackName="tests")
    assert refused.value.response["Error"]["Code"] == "InvalidChangeSetStatus"


def test_the_one_that_is_executed_ends_the_others_and_is_executed_once(client: Client) -> None:
    stacks = client("cloudformation")
    for name in ("one", "other", "third"):
        propose(client, name, "CREATE", {"A": group()})
    stacks.delete_change_set(ChangeSetName="third", StackName="tests")
    assert [each["ChangeSetName"] for each in stacks.list_change_sets(StackName="tests")["Summaries"]] == [
        "one",
        "other",
    ]
    stacks.execute_change_set(ChangeSetName="one", StackName="tests")
    at_rest(stacks, "tests")
    with pytest.raises(ClientError, match="ChangeSetNotFound"):
        stacks.describe_change_set(ChangeSetName="other", StackName="tests")
    with pytest.raises(ClientError, match="InvalidChangeSetStatus"):
        stacks.execute_change_set(ChangeSetName="one", StackName="tests")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"kind": "UPDATE"}, "Stack with id tests does not exist"),
        ({"kind": "IMPORT"}, "makes change sets of the types CREATE and UPDATE"),
        ({"kind": "CREATE", "StackName": "1"}, "1 is no name of a stack"),
        ({"kind": "CREATE", "resources": {"A": ROLE}}, "CAPABILITY_IAM"),
        ({"kind": "CREATE", "RoleARN": "arn:aws:iam::123456789012:role/x"}, "does not know RoleARN"),
    ],
)
def test_what_makes_no_change_set(client: Client, call: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words):
        propose(client, "first", **{"resources": {"A": group()}, **call})
    assert client("cloudformation").describe_stacks()["Stacks"] == []


def test_a_stack_that_is_there_is_not_made_again(client: Client) -> None:
    execute(client, propose(client, "first", "CREATE", {"A": group()})["Id"])
    with pytest.raises(
        ClientError,
        match=r"Stack \[tests\] already exists and cannot be created again with the changeSet \[second\]",
    ):
        propose(client, "second", "CREATE", {"A": group()})


def test_a_stack_under_review_may_be_deleted_and_is_left_alone_by_a_start(
    client: Client, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    stacks = client("cloudformation")
    stack_id = propose(client, "first", "CREATE", {"A": group()})["StackId"]
    cloudformation.resume()
    assert host.work_queue.wait_idle(10)
    assert "unexpected" not in caplog.text
    assert stacks.describe_stacks(StackName="tests")["Stacks"][0]["StackStatus"] == "REVIEW_IN_PROGRESS"
    stacks.delete_stack(StackName="tests")
    assert at_rest(stacks, stack_id)["StackStatus"] == "DELETE_COMPLETE"


def test_change_sets_are_kept(client: Client, host: Host) -> None:
    made = propose(client, "first", "CREATE", {"A": group()})
    restart(host)
    assert execute(client, made["Id"])["StackStatus"] == "CREATE_COMPLETE"


def test_a_template_is_summed_up(client: Client) -> None:
    execute(client, propose(client, "first", "CREATE", {"A": group()})["Id"])
    summary = client("cloudformation").get_template_summary(StackName="tests")
    assert (summary["Parameters"], summary["ResourceTypes"]) == ([], ["AWS::Logs::LogGroup"])
