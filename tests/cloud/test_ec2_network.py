"""Security groups, addresses and key pairs as a customer sees them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cloud.customer import Customer, refused, until

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def instance(cloud: Customer) -> Iterator[dict[str, Any]]:
    with cloud.instance(ports=()) as instance:
        yield instance


def is_open(address: str, port: int = 22) -> bool:
    """Does something listen there? (QEMU does as soon as the port is forwarded.)"""
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False


def permission(port: int, cidr: str = "127.0.0.1/32") -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]}


def test_only_what_a_rule_opens_can_be_reached_and_at_once(ec2: Any, cloud: Customer, instance: dict[str, Any]) -> None:
    group, address = instance["SecurityGroups"][0]["GroupId"], instance["PublicIpAddress"]
    assert not is_open(address)
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission(22, "203.0.113.0/24")])
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission(22)])
    until(lambda: is_open(address), 5, "the opening")
    assert cloud.ssh(instance, "echo in") == "in\n"
    with refused("InvalidPermission.Duplicate"):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission(22)])
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[permission(22)])
    until(lambda: not is_open(address), 5, "the closing")
    with refused("InvalidPermission.NotFound"):
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[permission(22)])


def test_another_group_opens_other_ports(ec2: Any, cloud: Customer, instance: dict[str, Any]) -> None:
    other, address = cloud.open_group(22, 8000), instance["PublicIpAddress"]
    first = instance["SecurityGroups"][0]["GroupId"]
    ec2.modify_instance_attribute(InstanceId=instance["InstanceId"], Groups=[first, other])
    until(lambda: is_open(address, 8000), 5, "port 8000")
    with refused("DependencyViolation", f"resource {other} has a dependent object"):
        ec2.delete_security_group(GroupId=other)
    ec2.modify_instance_attribute(InstanceId=instance["InstanceId"], Groups=[first])
    until(lambda: not is_open(address, 8000), 5, "port 8000 closed")
    ec2.delete_security_group(GroupId=other)


def test_a_port_somebody_else_has_is_told_and_the_instance_runs_on(ec2: Any, cloud: Customer, instance: dict[str, Any]) -> None:
    address = instance["PublicIpAddress"]
    with socket.socket() as squatter:
        squatter.bind((address, 8888))
        squatter.listen()
        group = cloud.open_group(22, 8888)
        first = instance["SecurityGroups"][0]["GroupId"]
        ec2.modify_instance_attribute(InstanceId=instance["InstanceId"], Groups=[group])
        until(lambda: "StateReason" in cloud.look(instance["InstanceId"]), 5, "the reason")
        found = cloud.look(instance["InstanceId"])
        assert (found["State"]["Name"], found["StateReason"]["Code"]) == ("running", "Server.PortNotForwarded")
        assert f"{address}:8888" in found["StateReason"]["Message"]
        assert f"{address}:8888 does not reach this instance" in ec2.get_console_output(InstanceId=instance["InstanceId"])["Output"]
        assert is_open(address, 22)
    ec2.modify_instance_attribute(InstanceId=instance["InstanceId"], Groups=[first])
    until(lambda: "StateReason" not in cloud.look(instance["InstanceId"]), 5, "the reason's end")
    ec2.delete_security_group(GroupId=group)


def test_an_elastic_address_moves_with_its_ports(ec2: Any, cloud: Customer, instance: dict[str, Any]) -> None:
    group = instance["SecurityGroups"][0]["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission(22)])
    tags = [{"ResourceType": "elastic-ip", "Tags": [{"Key": "a", "Value": "b"}]}]
    allocation = ec2.allocate_address(Domain="vpc", TagSpecifications=tags)
    address, allocation_id = allocation["PublicIp"], allocation["AllocationId"]
    automatic = instance["PublicIpAddress"]
    with cloud.instance() as other:
        ec2.associate_address(AllocationId=allocation_id, InstanceId=instance["InstanceId"])
        until(lambda: is_open(address) and not is_open(automatic), 5, "the forwards")
        assert cloud.look(instance["InstanceId"])["PublicIpAddress"] == address
        name = f"hostname-{instance['InstanceId'][-4:]}"
        cloud.ssh({"PublicIpAddress": address}, f"echo {name} > /tmp/name")

        with refused("Resource.AlreadyAssociated", f"resource {allocation_id} is already associated"):
            ec2.associate_address(AllocationId=allocation_id, InstanceId=other["InstanceId"], AllowReassociation=False)
        with refused("InvalidIPAddress.InUse"):
            ec2.release_address(AllocationId=allocation_id)
        moved = ec2.associate_address(AllocationId=allocation_id, InstanceId=other["InstanceId"], AllowReassociation=True)
        until(lambda: cloud.ssh({"PublicIpAddress": address}, "cat /tmp/name 2>/dev/null || echo other") == "other\n", 10, "the move")
        again = cloud.look(instance["InstanceId"])["PublicIpAddress"]
        assert again not in (None, address)
        assert cloud.ssh({"PublicIpAddress": again}, "cat /tmp/name").strip() == name
        listed = ec2.describe_addresses(AllocationIds=[allocation_id])["Addresses"][0]
        assert (listed["InstanceId"], listed["AssociationId"], listed["Tags"]) == (
            other["InstanceId"],
            moved["AssociationId"],
            [{"Key": "a", "Value": "b"}],
        )
        ec2.disassociate_address(AssociationId=moved["AssociationId"])
        until(lambda: not is_open(address), 5, "the end of the forward")
    ec2.release_address(AllocationId=allocation_id)
    with refused("InvalidAllocationID.NotFound"):
        ec2.associate_address(AllocationId=allocation_id, InstanceId=instance["InstanceId"])
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[permission(22)])


def test_no_public_address_when_none_is_wanted(ec2: Any, cloud: Customer) -> None:
    group = cloud.open_group(22)
    interface = {"DeviceIndex": 0, "AssociatePublicIpAddress": False, "Groups": [group]}
    made = cloud.run(NetworkInterfaces=[interface])
    assert "PublicIpAddress" not in made
    assert made["SecurityGroups"][0]["GroupId"] == group
    cloud.end(made["InstanceId"])
    ec2.delete_security_group(GroupId=group)


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
    public = ec2.describe_key_pairs(KeyNames=[f"made-{kind}"], IncludePublicKey=True)["KeyPairs"][0]["PublicKey"]
    assert public.startswith(f"ssh-{kind}")
    ec2.delete_key_pair(KeyName=f"made-{kind}")
    with refused("InvalidKeyPair.NotFound"):
        ec2.describe_key_pairs(KeyNames=[f"made-{kind}"])


def test_the_default_network_and_the_offers_are_there(ec2: Any) -> None:
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    assert all(subnet["MapPublicIpOnLaunch"] for subnet in subnets)
    offered = ec2.describe_instance_type_offerings(Filters=[{"Name": "instance-type", "Values": ["t3.large", "t3a.large"]}])
    assert {offer["InstanceType"] for offer in offered["InstanceTypeOfferings"]} == {"t3.large", "t3a.large"}
    assert ec2.describe_instance_types(InstanceTypes=["t3.large"])["InstanceTypes"][0]["VCpuInfo"]["DefaultVCpus"] == 2
    with refused("InvalidInstanceType"):
        ec2.describe_instance_types(InstanceTypes=["t9.huge"])
