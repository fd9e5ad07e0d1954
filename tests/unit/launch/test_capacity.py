"""A launch looks for a zone and a type with capacity; a new data volume goes with it, an old one stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from build.aws import tags
from build.aws.session import client
from build.errors import CloudError, UserError
from build.hubs import instances as hub_instances
from build.hubs import operator_key
from build.hubs.hub import Hub
from build.hubs.models import HubImage
from build.hubs.volume import own_volume
from build.launch import instance, leftovers, run_instances_request
from build.launch.address import EnsureAddress
from build.launch.options import CliOptions, resolve_options
from build.launch.password import EnsurePassword, parameter_of
from build.launch.security_group import EnsureSecurityGroup
from build.launch.state import LaunchState
from build.launch.subnet import FindSubnet
from build.launch.volume import EnsureVolume
from build.manifest import load
from localcloud.faults.fault import Fault
from tests.pretended_cloud import IMAGE, PretendedCloud, pretended_cloud
from tests.unit.launch.test_records import Listening

HUB = Hub("hub.example.test")
TYPES = "launch.instance_types=[t3.nano, t3.micro]"


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendedCloud]:
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    operator_key.ensure_key(HUB, "")
    with pretended_cloud() as cloud:
        cloud.clients.iam.create_instance_profile(InstanceProfileName=HUB.name)
        yield cloud


def launch(cloud: PretendedCloud, *overrides: str, **options: Any) -> LaunchState:
    """A launch as far as the data volume and the password."""
    manifest = load(
        Path(__file__).parents[3] / "manifest.yaml", overrides=[TYPES, "launch.email=a@b.org", *overrides]
    )
    report: Any = Listening()
    state = LaunchState(
        HUB, resolve_options(manifest, CliOptions(**options)), manifest, cloud.clients, report
    )
    state.image = HubImage(IMAGE, "base", "/dev/xvda", "admin", "")
    FindSubnet().run(state)
    state.profile = HUB.name
    groups = cloud.clients.ec2.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [state.subnet.vpc_id]}]
    )
    state.group_id = groups["SecurityGroups"][0]["GroupId"]
    for step in (EnsureAddress(), EnsureVolume(), EnsurePassword()):
        step.run(state)
    return state


def lack(cloud: PretendedCloud, zone: str, instance_type: str) -> None:
    cloud.host.faults.set(Fault("no-capacity", zone=zone, instance_type=instance_type))


def launched(cloud: PretendedCloud, instance_id: str) -> tuple[str, str]:
    """(type, zone)."""
    found = cloud.clients.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    return str(found["InstanceType"]), found["Placement"]["AvailabilityZone"]


def volumes(cloud: PretendedCloud) -> list[str]:
    """The zones of the data volumes there are."""
    found = cloud.clients.ec2.describe_volumes(Filters=tags.having(tags.HUB, HUB.domain))["Volumes"]
    return [
        volume["AvailabilityZone"] for volume in found if tags.as_dict(volume["Tags"])[tags.ROLE] == "data"
    ]


def test_the_next_type_is_tried_where_the_volume_is_and_then_the_next_zone(cloud: PretendedCloud) -> None:
    lack(cloud, "us-east-1a", "t3.nano")
    state = launch(cloud)
    assert launched(cloud, instance._launch(state)) == ("t3.micro", "us-east-1a")
    assert volumes(cloud) == ["us-east-1a"]


def test_the_token_of_an_instance_that_is_gone_is_not_asked_with_for_ever(cloud: PretendedCloud) -> None:
    state = launch(cloud)
    first = instance._launch(state)
    assert instance._launch(state) == first
    cloud.clients.ec2.terminate_instances(InstanceIds=[first])
    assert instance._launch(state) != first


def test_a_new_volume_goes_with_the_launch_from_zone_to_zone(cloud: PretendedCloud) -> None:
    lack(cloud, "us-east-1[ab]", "t3.*")
    state = launch(cloud)
    first = state.volume_id
    made = instance._launch(state)
    assert launched(cloud, made) == ("t3.nano", "us-east-1c")
    assert volumes(cloud) == ["us-east-1c"]
    assert state.volume_id != first
    assert state.subnet.zone == "us-east-1c"
    told = cloud.backend.instance(made).user_data
    assert state.volume_id in str(run_instances_request.launch_data(state))
    assert told is not None
    own = own_volume(cloud.clients, HUB)
    assert own is not None
    assert tags.as_dict(own["Tags"])[tags.FIRST_PASSWORD] == "hubadmin"


def test_without_capacity_anywhere_a_new_volume_is_gone_and_what_stays_is_told_with_its_price(
    cloud: PretendedCloud,
) -> None:
    lack(cloud, "*", "*")
    state = launch(cloud)
    with pytest.raises(
        CloudError, match=r"no capacity for t3\.nano or t3\.micro in us-east-1a, us-east-1b"
    ) as caught:
        instance._launch(state)
    assert "add types to launch.instance_types" in str(caught.value.hint)
    assert "builder" not in str(caught.value.hint)
    assert volumes(cloud) == []
    words = leftovers.in_words(state)
    assert (
        f"kept for the next try: the address {state.address.ip}. On AWS that costs about 3.65 dollars"
        in words
    )
    assert "`invoke destroy --domain hub.example.test --with-data` removes it" in words
    cloud.host.faults.clear()
    again = launch(cloud)
    assert launched(cloud, instance._launch(again)) == ("t3.nano", "us-east-1a")
    assert (
        again.password
        == cloud.clients.ssm.get_parameter(Name=parameter_of(HUB), WithDecryption=True)["Parameter"]["Value"]
    )


def test_a_volume_that_exists_keeps_its_zone(cloud: PretendedCloud) -> None:
    launch(cloud)
    state = launch(cloud)
    assert {placement.zone for placement in state.placements} == {"us-east-1a"}
    lack(cloud, "us-east-1a", "*")
    with pytest.raises(CloudError, match="in us-east-1a;") as caught:
        instance._launch(state)
    assert "the data volume cannot leave its zone" in str(caught.value.hint)
    assert volumes(cloud) == ["us-east-1a"]
    assert leftovers.in_words(state) == "", "an earlier launch has made it"


def test_a_launch_that_was_interrupted_finds_its_instance_though_it_had_to_take_another_type(
    cloud: PretendedCloud,
) -> None:
    lack(cloud, "us-east-1a", "t3.nano")
    cloud.host.faults.set(Fault("hide", resource="instance", seconds=600))
    made = instance._launch(launch(cloud))
    cloud.host.faults.clear(1)
    assert instance._launch(launch(cloud)) == made


def test_another_refusal_is_no_reason_to_go_on(cloud: PretendedCloud) -> None:
    cloud.host.faults.set(Fault("error", call="RunInstances", code="UnauthorizedOperation"))
    state = launch(cloud)
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        instance._launch(state)
    assert "the data volume vol-" in leftovers.in_words(state)
    assert "about 7.65 dollars a month (us-east-1)" in leftovers.in_words(state)


def test_types_that_are_not_offered_are_left_out_with_a_warning(cloud: PretendedCloud) -> None:
    state = launch(cloud, "launch.instance_types=[x9.nano, t3.nano]")
    assert {placement.instance_type for placement in state.placements} == {"t3.nano"}
    warnings: Any = state.report
    assert warnings.warnings[0].startswith("x9.nano not offered in us-east-1a or us-east-1b")


@pytest.mark.parametrize(
    ("instance_type", "words"),
    [("t2.large", "t2.large is of the Xen hypervisor"), ("x9.nano", "x9.nano not offered in us-east-1a or")],
)
def test_a_type_that_cannot_be_a_hubs_is_refused_before_anything_is_made(
    cloud: PretendedCloud, instance_type: str, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        launch(cloud, instance_type=instance_type)
    assert volumes(cloud) == []


def test_a_new_volume_is_encrypted_with_the_key_that_an_alias_names(cloud: PretendedCloud) -> None:
    kms = client(cloud.clients.cloud, "kms")
    made = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/hubs", TargetKeyId=made["KeyId"])
    launch(cloud, "launch.data_volume.kms_key_id=alias/hubs")
    own = own_volume(cloud.clients, HUB)
    assert own is not None
    assert own["KmsKeyId"] == made["Arn"]
    launch(cloud, "launch.data_volume.kms_key_id=alias/gone")  # the volume is there, with its key


def test_a_key_that_is_not_there_is_refused_before_anything_is_made(cloud: PretendedCloud) -> None:
    with pytest.raises(UserError, match=r"launch\.data_volume\.kms_key_id: alias/gone"):
        launch(cloud, "launch.data_volume.kms_key_id=alias/gone")
    assert volumes(cloud) == []


def test_a_group_in_another_vpc_is_told_with_both(cloud: PretendedCloud) -> None:
    state = launch(cloud)
    vpc_id = cloud.clients.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    marks: Any = tags.specifications(HUB.tags, "security-group")
    group = cloud.clients.ec2.create_security_group(
        GroupName=HUB.name, Description="a hub", VpcId=vpc_id, TagSpecifications=marks
    )["GroupId"]
    words = (
        f"the security group {group} of hub.example.test is in {vpc_id}, but {state.subnet.subnet_id} is in"
    )
    with pytest.raises(UserError, match=words):
        EnsureSecurityGroup().run(state)


def test_a_new_password_is_shown_though_its_tags_are_not_listed_yet(
    cloud: PretendedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud.clients.ssm, "list_tags_for_resource", lambda **_: {"TagList": []})
    assert launch(cloud).password
    assert launch(cloud).password is None, "nobody knows whether it was shown"


def subnets(cloud: PretendedCloud) -> dict[str, str]:
    """{zone: its default subnet}."""
    default: Any = [{"Name": "default-for-az", "Values": ["true"]}]
    found = cloud.clients.ec2.describe_subnets(Filters=default)["Subnets"]
    return {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in found}


def test_subnets_that_are_named_are_tried_in_their_order(cloud: PretendedCloud) -> None:
    by_zone = subnets(cloud)
    named = f"launch.subnet_ids=[{by_zone['us-east-1d']}, {by_zone['us-east-1b']}]"
    state = launch(cloud, named)
    assert [placement.zone for placement in state.placements] == ["us-east-1d"] * 2 + ["us-east-1b"] * 2
    lack(cloud, "us-east-1d", "*")
    assert launched(cloud, instance._launch(state)) == ("t3.nano", "us-east-1b")
    # from here on the volume decides
    assert {placement.zone for placement in launch(cloud, named, replace=True).placements} == {"us-east-1b"}
    with pytest.raises(
        UserError, match=r"is in us-east-1d, but the data volume of hub\.example\.test is in us-east-1b"
    ):
        launch(cloud, subnet=by_zone["us-east-1d"])


def test_subnets_of_several_vpcs_are_refused(cloud: PretendedCloud) -> None:
    ec2 = cloud.clients.ec2
    vpc_id = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    other = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    with pytest.raises(UserError, match="the subnets are of several VPCs"):
        launch(cloud, f"launch.subnet_ids=[{subnets(cloud)['us-east-1a']}, {other}]")


def test_an_instance_of_any_of_the_types_is_as_wished(cloud: PretendedCloud) -> None:
    lack(cloud, "us-east-1a", "t3.nano")
    state = launch(cloud)
    current = hub_instances.by_id(cloud.clients, instance._launch(state))
    assert instance.differences(state, current) == []
    state = launch(cloud, "launch.instance_types=[t3.small, t3.large]")
    assert instance.differences(state, current) == ["it is a t3.micro, not a t3.small or t3.large"]
