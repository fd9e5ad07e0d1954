"""The policy of a hub's instance: the least it needs, and no more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from build.aws.session import Cloud
from build.launch.hub import Hub
from build.launch.role import partition, policy
from build.launch.state import Zone

HUB = Hub("hub.example.org")


def statements(zone: Zone | None) -> list[dict[str, Any]]:
    clients: Any = SimpleNamespace(cloud=Cloud("aws", "eu-west-1"), account="123456789012")
    return list(policy(HUB, clients, zone)["Statement"])


def test_every_action_of_the_contract_and_none_besides() -> None:
    allowed = {action: statement for statement in statements(Zone("Z1", "example.org")) for action in statement["Action"]}
    prefix = "arn:aws:ssm:eu-west-1:123456789012:parameter/hubsmith/hubs/hub.example.org"
    assert {action: statement["Resource"] for action, statement in allowed.items()} == {
        "ssm:GetParameter": [f"{prefix}/admin-password"],
        "ssm:PutParameter": [f"{prefix}/host-keys", f"{prefix}/status"],
        "route53:GetChange": ["*"],
        "route53:ListHostedZones": ["*"],
        "route53:ChangeResourceRecordSets": ["arn:aws:route53:::hostedzone/Z1"],
    }
    assert all(statement["Effect"] == "Allow" for statement in allowed.values())


def test_only_the_challenge_of_this_one_name_can_be_written() -> None:
    change = next(one for one in statements(Zone("Z1", "example.org")) if one["Action"] == ["route53:ChangeResourceRecordSets"])
    assert change["Condition"] == {
        "ForAllValues:StringEquals": {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["_acme-challenge.hub.example.org"],
            "route53:ChangeResourceRecordSetsRecordTypes": ["TXT"],
        }
    }


def test_without_a_zone_there_is_nothing_to_do_with_dns() -> None:
    assert not any("route53" in action for statement in statements(None) for action in statement["Action"])


@pytest.mark.parametrize(("region", "part"), [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_arns_are_those_of_the_regions_part_of_aws(region: str, part: str) -> None:
    assert partition(region) == part
