"""The IAM policies that the documentation gives."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import REPO

IAM = REPO / "docs/reference/iam"
# Asked for by CloudFormation on AWS beside what makes and removes a thing: it reads what it has made, and
# gives it the stack's tags.
BY_CLOUDFORMATION = {
    "cloudformation:TagResource", "codebuild:BatchGetProjects", "events:DescribeRule",
    "events:ListTagsForResource", "events:TagResource", "events:UntagResource", "iam:GetRole",
    "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:PassRole", "iam:TagRole", "iam:UntagRole",
    "logs:GetDataProtectionPolicy", "logs:ListTagsForResource", "logs:TagResource", "logs:UntagResource",
    "scheduler:GetSchedule", "sns:GetDataProtectionPolicy", "sns:GetTopicAttributes",
    "sns:ListTagsForResource", "sns:TagResource", "sns:UntagResource",
}  # fmt: skip


def document(name: str) -> dict[str, Any]:
    """A policy: of a build, of a launch, of who makes a schedule on AWS, …"""
    found: dict[str, Any] = json.loads((IAM / f"{name}.json").read_text(encoding="utf-8"))
    return found


def actions(*names: str) -> set[str]:
    """Of all statements of these policies."""
    return {
        action
        for name in names
        for statement in document(name)["Statement"]
        for action in listed(statement["Action"])
    }


def listed(value: str | list[str]) -> list[str]:
    """One or several, as policies have them."""
    return [value] if isinstance(value, str) else value
