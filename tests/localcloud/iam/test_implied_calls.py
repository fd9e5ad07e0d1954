"""What else a call needs: to tag what it makes, and to pass the roles it names."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.iam import entities, implied_calls
from localcloud.iam.policy import JudgedCall

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/hub"
PLACE = "us-east-1", ACCOUNT


@pytest.mark.parametrize(
    ("call", "parameters", "receiver"),
    [
        ("codebuild:CreateProject", {"name": "x", "serviceRole": ROLE}, "codebuild"),
        ("codebuild:UpdateProject", {"name": "x", "serviceRole": ROLE}, "codebuild"),
        ("events:PutTargets", {"Rule": "r", "Targets": [{"RoleArn": ROLE}, {}]}, "events"),
        ("scheduler:CreateSchedule", {"Target": {"RoleArn": ROLE}}, "scheduler"),
        ("scheduler:UpdateSchedule", {"Target": {"RoleArn": ROLE}}, "scheduler"),
        ("cloudformation:CreateStack", {"RoleARN": ROLE}, "cloudformation"),
    ],
)
def test_who_gives_a_role_to_a_service_passes_it(call: str, parameters: Any, receiver: str) -> None:
    service, operation = call.split(":")
    (passed,) = implied_calls.passed(service, operation, parameters, *PLACE)
    assert (passed.action, passed.resources) == ("iam:PassRole", (ROLE,))
    assert passed.context == {"iam:passedtoservice": (f"{receiver}.amazonaws.com",)}


def test_a_call_that_names_no_role_passes_none() -> None:
    assert implied_calls.passed("cloudformation", "CreateStack", {"StackName": "x"}, *PLACE) == []
    assert implied_calls.passed("codebuild", "UpdateProject", {"name": "x"}, *PLACE) == []
    assert implied_calls.passed("iam", "GetRole", {"RoleName": "x", "RoleARN": ROLE}, *PLACE) == []


@pytest.mark.parametrize(
    ("call", "parameters", "action"),
    [
        ("iam:CreateRole", {"Tags": [{"Key": "a", "Value": "b"}]}, "iam:TagRole"),
        ("iam:CreateInstanceProfile", {"Tags": [{"Key": "a", "Value": "b"}]}, "iam:TagInstanceProfile"),
        ("ssm:PutParameter", {"Tags": [{"Key": "a", "Value": "b"}]}, "ssm:AddTagsToResource"),
        ("logs:CreateLogGroup", {"tags": {"a": "b"}}, "logs:TagResource"),
        ("sns:CreateTopic", {"Tags": [{"Key": "a", "Value": "b"}]}, "sns:TagResource"),
        ("cloudformation:CreateStack", {"Tags": [{"Key": "a", "Value": "b"}]}, "cloudformation:TagResource"),
    ],
)
def test_who_makes_something_with_tags_tags_it(call: str, parameters: Any, action: str) -> None:
    service, operation = call.split(":")
    itself = JudgedCall(call, ("arn:x",))
    found = implied_calls.tagging(service, operation, parameters, itself)
    assert found
    assert (found.action, found.resources) == (action, ("arn:x",))
    assert found.context == {"aws:tagkeys": ("a",), "aws:requesttag/a": ("b",)}
    assert implied_calls.tagging(service, operation, {}, itself) is None


def test_the_tags_of_a_project_are_keys_in_lower_case() -> None:
    assert implied_calls.tags({"tags": [{"key": "a", "value": "b"}]}) == [{"Key": "a", "Value": "b"}]


def test_what_is_to_be_made_has_the_path_that_it_is_to_get() -> None:
    """Also where another of that name is somewhere else."""
    from moto.iam.models import iam_backends

    backend = iam_backends[ACCOUNT]["aws"]
    backend.create_role("hub", "{}", "/hubsmith/", None, "", [], "3600")
    try:
        for action, resource in (
            ("iam:CreateRole", ROLE),
            ("iam:GetRole", ROLE.replace("hub", "hubsmith/hub")),
        ):
            assert entities.looked_up(JudgedCall(action, (ROLE,)), *PLACE).resources == (resource,)
    finally:
        iam_backends[ACCOUNT].clear()
