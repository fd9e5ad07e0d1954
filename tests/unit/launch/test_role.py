"""The policy of a hub's instance: the least it needs, and no more."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from build.aws.regions import partition_of
from build.aws.session import Cloud
from build.hubs.hub import Hub
from build.hubs.models import Zone
from build.launch.role import policy
from localcloud.iam.policy import JudgedCall, decide

HUB = Hub("hub.example.org")


def statements(zone: Zone | None) -> list[dict[str, Any]]:
    clients: Any = SimpleNamespace(cloud=Cloud("aws", "eu-west-1"), account="123456789012")
    return list(policy(HUB, clients, zone)["Statement"])


def test_every_action_of_the_contract_and_none_besides() -> None:
    allowed = {
        action: statement
        for statement in statements(Zone("Z1", "example.org"))
        for action in statement["Action"]
    }
    prefix = "arn:aws:ssm:eu-west-1:123456789012:parameter/hubsmith/hubs/hub.example.org"
    assert {action: statement["Resource"] for action, statement in allowed.items()} == {
        "ssm:GetParameter": [f"{prefix}/admin-password"],
        "ssm:DeleteParameter": [f"{prefix}/admin-password"],
        "ssm:PutParameter": [f"{prefix}/host-keys", f"{prefix}/status"],
        "route53:GetChange": ["*"],
        "route53:ListHostedZones": ["*"],
        "route53:ChangeResourceRecordSets": ["arn:aws:route53:::hostedzone/Z1"],
    }
    assert all(statement["Effect"] == "Allow" for statement in allowed.values())


def test_only_the_challenge_of_this_one_name_can_be_written() -> None:
    change = next(
        one
        for one in statements(Zone("Z1", "example.org"))
        if one["Action"] == ["route53:ChangeResourceRecordSets"]
    )
    assert change["Condition"] == {
        "ForAllValues:StringEquals": {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["_acme-challenge.hub.example.org"],
            "route53:ChangeResourceRecordSetsRecordTypes": ["TXT"],
        }
    }


def test_without_a_zone_there_is_nothing_to_do_with_dns() -> None:
    assert not any("route53" in action for statement in statements(None) for action in statement["Action"])


@pytest.mark.parametrize(
    ("region", "part"),
    [
        ("us-east-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("eusc-de-east-1", "aws-eusc"),
        ("us-iso-east-1", "aws-iso"),
    ],
)
def test_arns_are_those_of_the_regions_part_of_aws(region: str, part: str) -> None:
    assert partition_of(region) == part
    clients: Any = SimpleNamespace(cloud=Cloud("aws", region), account="123456789012")
    arns = [
        arn for one in policy(HUB, clients, Zone("Z1", "example.org"))["Statement"] for arn in one["Resource"]
    ]
    assert {arn.split(":")[1] for arn in arns if arn != "*"} == {part}


BOUNDARY = json.loads(
    (Path(__file__).parents[3] / "docs/reference/iam/hub-boundary.json").read_text(encoding="utf-8")
)


def calls() -> list[JudgedCall]:
    """One for each resource of each action that the policy allows."""
    return [
        JudgedCall(
            action,
            (resource,),
            {key.lower(): tuple(values) for key, values in one.get("Condition", {}).get(ALL_OF, {}).items()},
        )
        for one in statements(Zone("Z1", "example.org"))
        for action in one["Action"]
        for resource in one["Resource"]
    ]


ALL_OF = "ForAllValues:StringEquals"


def test_the_boundary_of_the_documentation_lets_a_hub_do_its_work() -> None:
    assert len(calls()) == 7
    assert [call for call in calls() if not decide([BOUNDARY], call).allowed] == []


@pytest.mark.parametrize(
    "call",
    [
        JudgedCall("iam:CreateRole", ("arn:aws:iam::123456789012:role/hubsmith/x",)),
        JudgedCall("ssm:GetParameter", ("arn:aws:ssm:eu-west-1:123456789012:parameter/other",)),
        JudgedCall(
            "ssm:PutParameter", ("arn:aws:ssm:eu-west-1:123456789012:parameter/hubsmith/jupyterhub/latest",)
        ),
        JudgedCall("ec2:RunInstances"),
        JudgedCall(
            "route53:ChangeResourceRecordSets",
            ("arn:aws:route53:::hostedzone/Z1",),
            {
                "route53:changeresourcerecordsetsnormalizedrecordnames": ("hub.example.org",),
                "route53:changeresourcerecordsetsrecordtypes": ("TXT",),
            },
        ),
    ],
    ids=lambda call: call.action,
)
def test_the_boundary_of_the_documentation_allows_nothing_else(call: JudgedCall) -> None:
    assert not decide([BOUNDARY], call).allowed
