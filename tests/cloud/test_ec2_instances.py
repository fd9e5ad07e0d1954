"""Instances as a client sees them: launched, entered, listed, changed."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cloud.ec2_client import Ec2Client, refused, until

pytestmark = pytest.mark.vm

NOBODY = "i-0123456789abcdef0"


@pytest.fixture(scope="module")
def shared(cloud: Ec2Client) -> Iterator[dict[str, Any]]:
    """One instance for the tests that leave it as it is."""
    tags = [
        {
            "ResourceType": "instance",
            "Tags": [{"Key": "Name", "Value": "shared"}, {"Key": "run", "Value": "1"}],
        },
        {"ResourceType": "volume", "Tags": [{"Key": "run", "Value": "2"}]},
        {"ResourceType": "network-interface", "Tags": [{"Key": "run", "Value": "3"}]},
    ]
    metadata = {"HttpTokens": "optional", "InstanceMetadataTags": "enabled"}
    with cloud.instance(
        UserData="#!/bin/sh\n# hello\n", TagSpecifications=tags, MetadataOptions=metadata
    ) as instance:
        yield instance


def test_a_new_instance_is_pending_and_listed_with_what_was_asked(cloud: Ec2Client, ec2: Any) -> None:
    group = cloud.open_group(22)
    reply = ec2.run_instances(
        ImageId=cloud.tiny,
        InstanceType="t3.micro",
        KeyName=cloud.key_name(),
        MinCount=1,
        MaxCount=2,
        SecurityGroupIds=[group],
        InstanceInitiatedShutdownBehavior="terminate",
        BlockDeviceMappings=[
            {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 9, "VolumeType": "gp3", "Encrypted": True}}
        ],
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
    )
    ids = [instance["InstanceId"] for instance in reply["Instances"]]
    try:
        assert [instance["State"] for instance in reply["Instances"]] == [{"Code": 0, "Name": "pending"}] * 2
        assert [instance["AmiLaunchIndex"] for instance in reply["Instances"]] == [0, 1]
        first = reply["Instances"][0]
        assert (first["InstanceType"], first["ImageId"], first["KeyName"]) == (
            "t3.micro",
            cloud.tiny,
            "tests",
        )
        assert first["SecurityGroups"][0]["GroupId"] == group
        assert first["MetadataOptions"]["HttpTokens"] == "required"
        assert first["Placement"]["AvailabilityZone"] == "us-east-1a"
        assert re.fullmatch(r"127\.77\.\d+\.\d+", first["PublicIpAddress"])
        assert first["PublicIpAddress"] != reply["Instances"][1]["PublicIpAddress"]
        behavior = ec2.describe_instance_attribute(
            InstanceId=ids[0], Attribute="instanceInitiatedShutdownBehavior"
        )
        assert behavior["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
        volume = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [ids[0]]}])[
            "Volumes"
        ][0]
        assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (9, "gp3", True)
    finally:
        ec2.terminate_instances(InstanceIds=ids)
        for instance_id in ids:
            cloud.wait_for(instance_id, "terminated")
        ec2.delete_security_group(GroupId=group)


def test_ssh_works_on_the_public_address(cloud: Ec2Client, shared: dict[str, Any]) -> None:
    assert cloud.ssh(shared, "uname -s").strip() == "Linux"


def test_all_tags_of_the_call_are_there(ec2: Any, shared: dict[str, Any]) -> None:
    ids = [
        shared["InstanceId"],
        shared["BlockDeviceMappings"][0]["Ebs"]["VolumeId"],
        shared["NetworkInterfaces"][0]["NetworkInterfaceId"],
    ]
    found = ec2.describe_tags(
        Filters=[{"Name": "resource-id", "Values": ids}, {"Name": "key", "Values": ["run"]}]
    )["Tags"]
    assert {(tag["ResourceId"], tag["Value"]) for tag in found} == set(zip(ids, "123", strict=True))


def test_the_guest_finds_itself_in_the_metadata(cloud: Ec2Client, shared: dict[str, Any]) -> None:
    base = "http://169.254.169.254/latest"
    paths = {
        "meta-data/instance-id": shared["InstanceId"],
        "meta-data/ami-id": shared["ImageId"],
        "meta-data/public-ipv4": shared["PublicIpAddress"],
        "meta-data/local-ipv4": shared["PrivateIpAddress"],
        "meta-data/placement/availability-zone": "us-east-1a",
        "meta-data/public-keys/0/openssh-key": cloud.key.public,
        "meta-data/tags/instance/Name": "shared",
        "user-data": "#!/bin/sh\n# hello",
    }
    said = cloud.ssh(shared, " && ".join(f"wget -qO- {base}/{path} && echo && echo ---" for path in paths))
    assert [part.strip() for part in said.split("---\n")[:-1]] == list(paths.values())


def test_the_console_is_the_serial_console(ec2: Any, cloud: Ec2Client, shared: dict[str, Any]) -> None:
    asked = {"InstanceId": shared["InstanceId"]}
    cloud.ssh(shared, "true")  # it has booted
    ec2.get_console_output(**asked)  # posted at the latest now, and once
    cloud.ssh(shared, "echo spoken-by-the-guest > /dev/ttyS0")
    until(lambda: "spoken-by-the-guest" in ec2.get_console_output(**asked, Latest=True)["Output"], 10)
    assert "spoken-by-the-guest" not in ec2.get_console_output(**asked)["Output"], "posted after the boot"


def test_the_root_volume_has_its_id_as_serial_and_the_size_asked_for(
    cloud: Ec2Client, shared: dict[str, Any]
) -> None:
    volume_id = shared["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    assert cloud.ssh(shared, "cat /sys/block/vda/serial").strip() == volume_id.replace("-", "")


def test_status_is_ok(ec2: Any, shared: dict[str, Any]) -> None:
    status = ec2.describe_instance_status(InstanceIds=[shared["InstanceId"]])["InstanceStatuses"][0]
    assert (
        status["InstanceState"]["Name"],
        status["InstanceStatus"]["Status"],
        status["SystemStatus"]["Status"],
    ) == (
        "running",
        "ok",
        "ok",
    )


@pytest.mark.parametrize(
    "filters",
    [
        {"instance-state-name": ["running"], "tag:Name": ["shared"]},
        {"tag:Name": ["sha*"]},
        {"tag-key": ["run"], "instance-type": ["t3.nano"]},
        {"tag:run": ["1", "2"], "instance-state-code": ["16"]},
        {"instance-type": ["t3.*"], "tag:run": ["1"]},
    ],
)
def test_describe_instances_by_filters(
    ec2: Any, shared: dict[str, Any], filters: dict[str, list[str]]
) -> None:
    wire = [{"Name": name, "Values": values} for name, values in filters.items()]
    found = ec2.describe_instances(Filters=wire)["Reservations"]
    assert [instance["InstanceId"] for reservation in found for instance in reservation["Instances"]] == [
        shared["InstanceId"]
    ]


def test_filters_that_do_not_match_or_exist(ec2: Any, shared: dict[str, Any]) -> None:
    assert ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": ["other"]}])["Reservations"] == []
    with refused("InvalidParameterValue", "The filter 'no-such' is invalid"):
        ec2.describe_instances(Filters=[{"Name": "no-such", "Values": ["x"]}])


def test_modifying_the_shutdown_behaviour_leaves_the_groups(
    ec2: Any, cloud: Ec2Client, shared: dict[str, Any]
) -> None:
    ec2.modify_instance_attribute(
        InstanceId=shared["InstanceId"], InstanceInitiatedShutdownBehavior={"Value": "terminate"}
    )
    assert cloud.look(shared["InstanceId"])["SecurityGroups"] == shared["SecurityGroups"]
    ec2.modify_instance_attribute(
        InstanceId=shared["InstanceId"], Attribute="instanceInitiatedShutdownBehavior", Value="stop"
    )
    found = ec2.describe_instance_attribute(
        InstanceId=shared["InstanceId"], Attribute="instanceInitiatedShutdownBehavior"
    )
    assert found["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"


def test_metadata_options_can_be_changed_one_by_one(
    ec2: Any, cloud: Ec2Client, shared: dict[str, Any]
) -> None:
    changed = ec2.modify_instance_metadata_options(InstanceId=shared["InstanceId"], HttpTokens="required")[
        "InstanceMetadataOptions"
    ]
    assert (changed["HttpTokens"], changed["HttpEndpoint"], changed["InstanceMetadataTags"]) == (
        "required",
        "enabled",
        "enabled",
    )
    said = cloud.ssh(
        shared, "wget -qO- http://169.254.169.254/latest/meta-data/instance-id 2>&1 || echo refused"
    )
    assert said.strip().endswith("refused")
    with refused("InvalidParameterValue", "The HttpPutResponseHopLimit 65 is not valid"):
        ec2.modify_instance_metadata_options(InstanceId=shared["InstanceId"], HttpPutResponseHopLimit=65)
    ec2.modify_instance_metadata_options(InstanceId=shared["InstanceId"], HttpTokens="optional")


def test_the_same_token_is_the_same_launch_of_as_many_as_were_asked_for(
    ec2: Any, cloud: Ec2Client, shared: dict[str, Any]
) -> None:
    asked = {
        "ImageId": cloud.tiny,
        "InstanceType": "t3.nano",
        "MinCount": 1,
        "MaxCount": 2,
        "ClientToken": "once",
    }
    first, again = ec2.run_instances(**asked), ec2.run_instances(**asked)
    ids = [instance["InstanceId"] for instance in first["Instances"]]
    try:
        assert again["ReservationId"] == first["ReservationId"]
        assert [instance["InstanceId"] for instance in again["Instances"]] == ids
        assert len(set(ids)) == 2
        for instance_id in ids:
            cloud.wait_for(instance_id, "running")
        with refused("IdempotentParameterMismatch"):
            ec2.run_instances(**{**asked, "InstanceType": "t3.micro"})
    finally:
        for instance_id in ids:
            cloud.end(instance_id)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (
            {"ImageId": "ami-0123456789abcdef0"},
            "InvalidAMIID.NotFound",
            "The image id '[ami-0123456789abcdef0]' does not exist",
        ),
        ({"ImageId": "debian"}, "InvalidAMIID.Malformed", 'Invalid id: "debian" (expecting "ami-...")'),
        ({"KeyName": "nobody"}, "InvalidKeyPair.NotFound", "The key pair 'nobody' does not exist"),
        (
            {"SecurityGroupIds": ["sg-0123456789abcdef0"]},
            "InvalidGroup.NotFound",
            "'sg-0123456789abcdef0' does not exist",
        ),
        ({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound", "subnet-0123456789abcdef0"),
        ({"InstanceType": "t9.huge"}, "InvalidParameterValue", "Invalid value 't9.huge' for InstanceType"),
        ({"InstanceType": "t4g.nano"}, "InvalidParameterValue", "does not match the architecture 'x86_64'"),
        ({"MinCount": 2, "MaxCount": 1}, "InvalidParameterCombination", ""),
        ({"MinCount": 0}, "InvalidParameterValue", ""),
        ({"UserData": "x" * 16385}, "InvalidParameterValue", "User data is limited to 16384 bytes"),
        (
            {"InstanceInitiatedShutdownBehavior": "explode"},
            "InvalidParameterValue",
            "instanceInitiatedShutdownBehavior",
        ),
        ({"Placement": {"AvailabilityZone": "us-east-1z"}}, "InvalidParameterValue", "us-east-1z"),
        (
            {"MetadataOptions": {"HttpTokens": "requird"}},
            "InvalidParameterValue",
            "Invalid value 'requird' for HttpTokens",
        ),
        ({"IamInstanceProfile": {"Name": "nobody"}}, "InvalidParameterValue", "nobody"),
        (
            {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": "snap-0"}}]},
            "InvalidSnapshot.NotFound",
            "snap-0",
        ),
        ({"DryRun": True}, "DryRunOperation", "Request would have succeeded"),
    ],
)
def test_a_refused_launch_says_why_and_makes_nothing(
    ec2: Any, cloud: Ec2Client, change: dict[str, Any], code: str, message: str
) -> None:
    def everything() -> Any:
        return [
            len(ec2.describe_instances()["Reservations"]),
            sorted(volume["VolumeId"] for volume in ec2.describe_volumes()["Volumes"]),
            sorted(
                interface["NetworkInterfaceId"]
                for interface in ec2.describe_network_interfaces()["NetworkInterfaces"]
            ),
        ]

    before = everything()
    with refused(code, message):
        cloud.run(**change)
    assert everything() == before


@pytest.mark.parametrize(
    "action",
    ["start_instances", "stop_instances", "reboot_instances", "terminate_instances", "describe_instances"],
)
def test_an_unknown_instance(ec2: Any, action: str) -> None:
    with refused("InvalidInstanceID.NotFound", f"The instance ID '{NOBODY}' does not exist"):
        getattr(ec2, action)(InstanceIds=[NOBODY])


def test_user_data_comes_back_as_it_went_in(ec2: Any, shared: dict[str, Any]) -> None:
    found = ec2.describe_instance_attribute(InstanceId=shared["InstanceId"], Attribute="userData")[
        "UserData"
    ]["Value"]
    assert base64.b64decode(found).decode() == "#!/bin/sh\n# hello\n"
