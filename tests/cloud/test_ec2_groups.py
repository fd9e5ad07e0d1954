"""Security groups and their rules, key pairs and the default network, as they are kept: no machine."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cloud.customer import Customer, refused
from tests.cloud.test_ec2_network import permission

pytestmark = pytest.mark.vm


def test_rules_come_all_or_none_with_their_tags_and_descriptions_and_go_by_their_ids(
    ec2: Any, cloud: Customer
) -> None:
    group = cloud.open_group()
    wanted = [permission(22), permission(80, "10.0.0.0/8")]
    wanted[0]["IpRanges"][0]["Description"] = "ssh"
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "a", "Value": "b"}]}]
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=wanted, TagSpecifications=tags)[
        "SecurityGroupRules"
    ]
    assert [(rule["FromPort"], rule.get("Description"), rule["Tags"]) for rule in made] == [
        (22, "ssh", [{"Key": "a", "Value": "b"}]),
        (80, None, [{"Key": "a", "Value": "b"}]),
    ]
    with refused("InvalidPermission.Duplicate"):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission(443), permission(22)])
    with refused("InvalidParameterValue", "TCP/UDP (to) port (65536) out of range"):
        ec2.authorize_security_group_ingress(
            GroupId=group, IpPermissions=[permission(443), permission(22) | {"ToPort": 65536}]
        )
    ec2.update_security_group_rule_descriptions_ingress(
        GroupId=group,
        IpPermissions=[
            permission(80, "10.0.0.0/8") | {"IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "web"}]}
        ],
    )
    assert rules(ec2, group) == {22: "ssh", 80: "web"}
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[made[0]["SecurityGroupRuleId"]])
    assert rules(ec2, group) == {80: "web"}
    ec2.delete_security_group(GroupId=group)


def rules(ec2: Any, group: str) -> dict[int, str | None]:
    """The ingress ports of a group and what is said of them."""
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])[
        "SecurityGroupRules"
    ]
    return {rule["FromPort"]: rule.get("Description") for rule in found if not rule["IsEgress"]}


def test_groups_are_unique_by_name_and_the_default_one_stays(ec2: Any) -> None:
    group = ec2.create_security_group(GroupName="once", Description="x")["GroupId"]
    with refused("InvalidGroup.Duplicate", "The security group 'once' already exists"):
        ec2.create_security_group(GroupName="once", Description="x")
    ec2.delete_security_group(GroupId=group)
    with refused("InvalidGroup.NotFound", f"The security group '{group}' does not exist"):
        ec2.delete_security_group(GroupId=group)
    default = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
    with refused("CannotDelete"):
        ec2.delete_security_group(GroupId=default)


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_key_pair_made_by_the_cloud(ec2: Any, kind: str) -> None:
    made = ec2.create_key_pair(KeyName=f"made-{kind}", KeyType=kind)
    assert "PRIVATE KEY" in made["KeyMaterial"]
    with refused("InvalidKeyPair.Duplicate"):
        ec2.create_key_pair(KeyName=f"made-{kind}")
    public = ec2.describe_key_pairs(KeyNames=[f"made-{kind}"], IncludePublicKey=True)["KeyPairs"][0][
        "PublicKey"
    ]
    assert public.startswith(f"ssh-{kind}")
    ec2.delete_key_pair(KeyName=f"made-{kind}")
    with refused("InvalidKeyPair.NotFound"):
        ec2.describe_key_pairs(KeyNames=[f"made-{kind}"])


def test_the_default_network_and_the_offers_are_there(ec2: Any) -> None:
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    assert all(subnet["MapPublicIpOnLaunch"] for subnet in subnets)
    offered = ec2.describe_instance_type_offerings(
        Filters=[{"Name": "instance-type", "Values": ["t3.large", "t3a.large"]}]
    )
    assert {offer["InstanceType"] for offer in offered["InstanceTypeOfferings"]} == {"t3.large", "t3a.large"}
    assert (
        ec2.describe_instance_types(InstanceTypes=["t3.large"])["InstanceTypes"][0]["VCpuInfo"][
            "DefaultVCpus"
        ]
        == 2
    )
    with refused("InvalidInstanceType"):
        ec2.describe_instance_types(InstanceTypes=["t9.huge"])
