"""Where the instances of a build stand: VPC, subnet, and which of their addresses is used."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from build.aws.placements import Placement
from build.bake import instances
from build.bake.steps.provision import _standard_variables
from build.bake.steps.security_group import CreateSecurityGroup, find_vpc
from build.errors import UserError
from build.manifest import Builder

SUBNET, VPC = "subnet-0123456789abcdef0", "vpc-0123456789abcdef0"


def state(default_vpc: str | None = None, **settings: Any) -> Any:
    """Of a build with these settings of the builder, in an account with that default VPC."""
    ec2 = SimpleNamespace(
        describe_subnets=lambda SubnetIds: {"Subnets": [{"SubnetId": SubnetIds[0], "VpcId": VPC}]},
        describe_vpcs=lambda Filters: {"Vpcs": [{"VpcId": default_vpc}] if default_vpc else []},
    )
    manifest = SimpleNamespace(builder=Builder.model_validate(settings), path="manifest.yaml")
    return SimpleNamespace(
        clients=SimpleNamespace(ec2=ec2, cloud=SimpleNamespace(region="us-east-1")),
        manifest=manifest,
        network=SimpleNamespace(group_id="sg-1"),
        base=SimpleNamespace(login_user="admin"),
    )


def test_the_vpc_is_the_one_that_is_named_else_the_subnets_else_the_default_one() -> None:
    other = "vpc-0aaaaaaaaaaaaaaaa"
    assert find_vpc(state(other, vpc_id=VPC, subnet_id=SUBNET)) == VPC
    assert find_vpc(state(other, subnet_id=SUBNET)) == VPC
    assert find_vpc(state(other)) == other


def test_an_account_without_a_default_vpc_is_told_which_settings_it_needs() -> None:
    with pytest.raises(UserError, match="no default VPC") as caught:
        find_vpc(state())
    assert caught.value.hint == "set builder.subnet_ids"


@pytest.mark.parametrize(("address", "public"), [("public", True), ("private", False)])
def test_a_private_builder_gets_no_public_address(address: str, public: bool) -> None:
    interface = instances._interface(state(address=address), Placement("t3.large", SUBNET, "us-east-1a"))
    assert interface == {
        "DeviceIndex": 0, "Groups": ["sg-1"], "AssociatePublicIpAddress": public, "DeleteOnTermination": True,
        "SubnetId": SUBNET,
    }  # fmt: skip


@pytest.mark.parametrize(("address", "used"), [("public", "203.0.113.7"), ("private", "10.0.0.7")])
def test_the_address_that_is_asked_for_is_the_one_connected_to(
    monkeypatch: pytest.MonkeyPatch, address: str, used: str
) -> None:
    run = SimpleNamespace(key="key")
    here: Any = SimpleNamespace(**vars(state(address=address)), run=run, host_keys=[])
    monkeypatch.setattr(instances, "_run", lambda *_: "i-1")
    seen = {"PublicIpAddress": "203.0.113.7", "PrivateIpAddress": "10.0.0.7"}
    monkeypatch.setattr(instances, "wait_for_state", lambda *_, timeout_s: seen)
    (launched,) = instances.launch(here, "ami-1", "builder")
    assert (launched.address, launched.target.address) == (used, used)


def test_mirrors_reach_every_tool_under_the_name_it_knows() -> None:
    assert _standard_variables(state()) == {"HUBSMITH_LOGIN_USER": "admin"}
    mirrors = {kind: f"https://mirror.example.org/{kind}" for kind in ("apt", "pypi", "npm", "conda")}
    assert _standard_variables(state(mirrors=mirrors)) == {
        "HUBSMITH_LOGIN_USER": "admin",
        "PIP_INDEX_URL": mirrors["pypi"],
        "UV_DEFAULT_INDEX": mirrors["pypi"],
        "NPM_CONFIG_REGISTRY": mirrors["npm"],
        "CONDA_CHANNEL_ALIAS": mirrors["conda"],
        "HUBSMITH_APT_MIRROR": mirrors["apt"],
    }


def test_the_group_is_open_to_each_network_of_the_caller() -> None:
    opened: list[Any] = []
    networks = ("198.51.100.0/28", "203.0.113.0/28")
    here = state(VPC, caller_cidr=networks)
    here.run = SimpleNamespace(id="run-1", tags={})
    here.report = SimpleNamespace(waiting=lambda _: None)
    here.clients.ec2.create_security_group = lambda **_: {"GroupId": "sg-1"}
    here.clients.ec2.authorize_security_group_ingress = lambda **given: opened.extend(given["IpPermissions"])
    CreateSecurityGroup().run(here)
    assert {
        (one["FromPort"], one["ToPort"], tuple(each["CidrIp"] for each in one["IpRanges"])) for one in opened
    } == {(port, port, networks) for port in (22, 80, 443)}
    assert here.network.caller_cidrs == networks
