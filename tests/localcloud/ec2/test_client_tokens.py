"""Client tokens: of every action that has one by botocore's model and that the local cloud knows."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.session import get_session

from build.aws.session import client
from localcloud.ec2.responses import LocalResponse
from localcloud.ec2.rules import client_tokens
from localcloud.faults.fault import ANSWER_LOST, Fault
from localcloud.server import state_store
from localcloud.server.services import SERVICES
from tests.pretended_cloud import IMAGE, PretendedCloud, pretended_cloud

ZONE = "us-east-1a"
TEMPLATE = {"LaunchTemplateName": "workers", "LaunchTemplateData": {"InstanceType": "t3.nano"}}
UNSUPPORTED = {
    "CreateFleet",
    "CreateReservedInstancesListing",
    "CreateVpcEndpointServiceConfiguration",
    "RequestSpotInstances",
}
"""Refused by the local cloud or by moto itself; there are no load balancers here."""
ASKED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "AllocateHosts": ({"AvailabilityZone": ZONE, "InstanceType": "c5.large", "Quantity": 1}, {"Quantity": 2}),
    "CopyImage": ({"SourceRegion": "us-east-1", "SourceImageId": IMAGE, "Name": "copy"}, {"Name": "other"}),
    "CreateCarrierGateway": ({"VpcId": "{vpc}"}, {"VpcId": "{vpc2}"}),
    "CreateEgressOnlyInternetGateway": ({"VpcId": "{vpc}"}, {"VpcId": "{vpc2}"}),
    "CreateFlowLogs": (
        {
            "ResourceIds": ["{vpc}"],
            "ResourceType": "VPC",
            "TrafficType": "ALL",
            "LogDestinationType": "s3",
            "LogDestination": "arn:aws:s3:::flows",
        },
        {"TrafficType": "REJECT"},
    ),
    "CreateLaunchTemplate": (TEMPLATE, {"LaunchTemplateName": "others"}),
    "CreateLaunchTemplateVersion": (
        {"LaunchTemplateName": "known", "LaunchTemplateData": {"InstanceType": "t3.nano"}},
        {"LaunchTemplateData": {"InstanceType": "t3.micro"}},
    ),
    "CreateManagedPrefixList": (
        {"PrefixListName": "hosts", "MaxEntries": 1, "AddressFamily": "IPv4"},
        {"MaxEntries": 2},
    ),
    "CreateNatGateway": ({"SubnetId": "{subnet}", "ConnectivityType": "private"}, {"SubnetId": "{subnet2}"}),
    "CreateNetworkAcl": ({"VpcId": "{vpc}"}, {"VpcId": "{vpc2}"}),
    "CreateNetworkInterface": ({"SubnetId": "{subnet}"}, {"SubnetId": "{subnet2}"}),
    "CreateRouteTable": ({"VpcId": "{vpc}"}, {"VpcId": "{vpc2}"}),
    "CreateTrafficMirrorFilter": ({"Description": "a"}, {"Description": "b"}),
    "CreateTrafficMirrorSession": (
        {
            "NetworkInterfaceId": "{interface}",
            "TrafficMirrorTargetId": "{target}",
            "TrafficMirrorFilterId": "{filter}",
            "SessionNumber": 1,
        },
        {"SessionNumber": 2},
    ),
    "CreateTrafficMirrorTarget": ({"NetworkInterfaceId": "{interface}"}, {"Description": "b"}),
    "CreateVolume": ({"AvailabilityZone": ZONE, "Size": 1}, {"Size": 2}),
    "CreateVpcEndpoint": (
        {"VpcId": "{vpc}", "ServiceName": "com.amazonaws.us-east-1.s3"},
        {"ServiceName": "com.amazonaws.us-east-1.dynamodb"},
    ),
    "ModifyLaunchTemplate": (
        {"LaunchTemplateName": "known", "DefaultVersion": "1"},
        {"DefaultVersion": "2"},
    ),
    "RunInstances": (
        {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.nano"},
        {"InstanceType": "t3.micro"},
    ),
}
"""Parameters, and those in which another request differs. Names in {} are ids."""


def of_model() -> list[str]:
    """The actions that have a client token and that the local cloud knows."""
    model = get_session().get_service_model("ec2")
    return [
        name
        for name in model.operation_names
        if (shape := model.operation_model(name).input_shape) and client_tokens.PARAMETER in shape.members
        if hasattr(LocalResponse, xform_name(name))
    ]


@pytest.fixture(scope="module")
def cloud() -> Iterator[PretendedCloud]:
    with pretended_cloud() as cloud:
        template: dict[str, Any] = {**TEMPLATE, "LaunchTemplateName": "known"}
        cloud.clients.ec2.create_launch_template(**template)
        yield cloud


@pytest.fixture(scope="module")
def ec2(cloud: PretendedCloud) -> Any:
    return cloud.clients.ec2


@pytest.fixture(scope="module")
def ids(ec2: Any) -> dict[str, str]:
    subnets = [found["SubnetId"] for found in ec2.describe_subnets()["Subnets"]]
    interface = ec2.create_network_interface(SubnetId=subnets[0])["NetworkInterface"]
    found = {
        "vpc": ec2.describe_vpcs()["Vpcs"][0]["VpcId"],
        "vpc2": ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"],
        "subnet": subnets[0],
        "subnet2": subnets[1],
        "interface": interface["NetworkInterfaceId"],
    }
    target = ec2.create_traffic_mirror_target(NetworkInterfaceId=found["interface"])
    found["target"] = target["TrafficMirrorTarget"]["TrafficMirrorTargetId"]
    found["filter"] = ec2.create_traffic_mirror_filter()["TrafficMirrorFilter"]["TrafficMirrorFilterId"]
    return found


def filled(value: Any, ids: dict[str, str]) -> Any:
    """The parameters with ids in the place of their names."""
    if isinstance(value, dict):
        return {key: filled(each, ids) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, ids) for each in value]
    return value.format(**ids) if isinstance(value, str) else value


def told(call: Any, **asked: Any) -> dict[str, Any]:
    """The answer, without what HTTP adds."""
    return {key: value for key, value in call(**asked).items() if key != "ResponseMetadata"}


def refusal(call: Any, **asked: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**asked)
    return str(caught.value.response["Error"]["Code"])


def test_every_action_that_has_a_token_is_tried_here() -> None:
    assert sorted(of_model()) == sorted({*ASKED, *UNSUPPORTED})


@pytest.mark.parametrize("action", sorted(ASKED))
def test_a_token_makes_one_thing(ec2: Any, ids: dict[str, str], action: str) -> None:
    call = getattr(ec2, xform_name(action))
    asked, other = (filled(each, ids) for each in ASKED[action])
    first = told(call, **asked, ClientToken="once")
    assert told(call, **asked, ClientToken="once") == first
    assert refusal(call, **{**asked, **other}, ClientToken="once") == "IdempotentParameterMismatch"
    assert told(call, **asked, ClientToken="once") == first


def test_another_token_makes_another_volume(ec2: Any) -> None:
    asked = {"AvailabilityZone": ZONE, "Size": 1}
    made = {ec2.create_volume(**asked, ClientToken=token)["VolumeId"] for token in ("one", "two")}
    assert len(made) == 2


def test_a_lost_answer_makes_one_volume(cloud: PretendedCloud, ec2: Any) -> None:
    """boto3 asks again, with the token that it has made up."""
    before = len(cloud.backend.volumes)
    cloud.host.faults.set(Fault("error", call="CreateVolume", code=ANSWER_LOST, times=1))
    made = ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
    assert made in cloud.backend.volumes
    assert len(cloud.backend.volumes) == before + 1


def test_a_token_is_of_one_region_and_of_the_zone_that_is_named(cloud: PretendedCloud, ec2: Any) -> None:
    elsewhere = client(replace(cloud.clients.cloud, region="eu-west-1"), "ec2")
    launch: Any = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.nano"}
    subnets = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-east-1b"]}])
    made = {
        ec2.create_volume(AvailabilityZone=ZONE, Size=1, ClientToken="place")["VolumeId"],
        ec2.create_volume(AvailabilityZone="us-east-1b", Size=1, ClientToken="place")["VolumeId"],
        elsewhere.create_volume(AvailabilityZone="eu-west-1a", Size=1, ClientToken="place")["VolumeId"],
    }
    assert len(made) == 3
    launched = {
        ec2.run_instances(**launch, **where, ClientToken="place")["Instances"][0]["InstanceId"]
        for where in (
            {},
            {"Placement": {"AvailabilityZone": ZONE}},
            {"SubnetId": subnets["Subnets"][0]["SubnetId"]},
        )
    }
    assert len(launched) == 3


def test_a_refused_request_can_be_made_right_with_the_same_token(ec2: Any) -> None:
    asked = {"AvailabilityZone": ZONE, "ClientToken": "wrong at first"}
    assert refusal(ec2.create_volume, **asked, Size=0) == "InvalidParameterValue"
    assert refusal(ec2.create_volume, **asked, Size=1, DryRun=True) == "DryRunOperation"
    assert ec2.create_volume(**asked, Size=1)["VolumeId"]


@pytest.mark.parametrize(
    ("action", "token"),
    [("CreateVolume", "a" * 65), ("CreateVolume", "é"), ("CreateLaunchTemplate", "a" * 129)],
)
def test_a_token_is_short_and_of_ascii_characters(ec2: Any, action: str, token: str) -> None:
    call = getattr(ec2, xform_name(action))
    assert refusal(call, **ASKED[action][0], ClientToken=token) == "InvalidParameterValue"


def test_the_token_of_a_terminated_instance_launches_no_other(cloud: PretendedCloud, ec2: Any) -> None:
    launch: Any = {**ASKED["RunInstances"][0], "ClientToken": "ended"}
    made = ec2.run_instances(**launch)["Instances"][0]["InstanceId"]
    ec2.terminate_instances(InstanceIds=[made])
    assert refusal(ec2.run_instances, **launch) == "IdempotentInstanceTerminated"
    for reservation in cloud.backend.reservations.values():
        reservation.instances = [found for found in reservation.instances if found.id != made]
    assert refusal(ec2.run_instances, **launch) == "IdempotentInstanceTerminated"


def test_tokens_are_kept_with_the_state_for_days(cloud: PretendedCloud, ec2: Any) -> None:
    ec2.create_volume(AvailabilityZone=ZONE, Size=1, ClientToken="kept")
    assert b"kept" in state_store.dump(SERVICES)
    (key,) = [key for key in cloud.backend.answers if key[1] == "kept"]
    answer = cloud.backend.answers[key]
    assert pickle.loads(pickle.dumps(answer)) == answer
    cloud.backend.answers[key] = replace(answer, since=answer.since - client_tokens.KEPT_FOR - timedelta(1))
    ec2.create_volume(AvailabilityZone=ZONE, Size=1)
    assert key not in cloud.backend.answers
