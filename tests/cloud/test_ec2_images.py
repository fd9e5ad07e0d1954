"""Images as a client sees them: made, listed, booted from, removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from localcloud.faults import client as faults
from tests.cloud.ec2_client import FAST, Ec2Client, refused, until

pytestmark = pytest.mark.vm

TAGS = [
    {"ResourceType": "image", "Tags": [{"Key": "kind", "Value": "image"}]},
    {"ResourceType": "snapshot", "Tags": [{"Key": "kind", "Value": "snapshot"}]},
]


@pytest.fixture(scope="module")
def builder(cloud: Ec2Client) -> Iterator[dict[str, Any]]:
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 9, "VolumeType": "gp3"}}
    with cloud.instance(BlockDeviceMappings=[mapping]) as instance:
        yield instance


@pytest.fixture(scope="module")
def image(ec2: Any, cloud: Ec2Client, builder: dict[str, Any]) -> Iterator[str]:
    """An image of the running builder, made without a reboot."""
    cloud.ssh(builder, "echo live > /root/made && sync")
    made = ec2.create_image(
        InstanceId=builder["InstanceId"],
        Name="golden-1",
        Description="gold",
        NoReboot=True,
        TagSpecifications=TAGS,
    )
    assert ec2.describe_images(ImageIds=[made["ImageId"]])["Images"][0]["State"] in ("pending", "available")
    ec2.get_waiter("image_available").wait(ImageIds=[made["ImageId"]], WaiterConfig=FAST)
    yield made["ImageId"]
    remove(ec2, made["ImageId"])


def remove(ec2: Any, image_id: str) -> None:
    results = ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)["DeleteSnapshotResults"]
    assert {result["ReturnCode"] for result in results} == {"success"}


def snapshot_of(ec2: Any, image_id: str) -> str:
    return str(
        ec2.describe_images(ImageIds=[image_id])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    )


def test_an_image_is_what_its_instance_was(ec2: Any, builder: dict[str, Any], image: str) -> None:
    found = ec2.describe_images(ImageIds=[image])["Images"][0]
    assert (found["Name"], found["Description"], found["OwnerId"], found["Public"]) == (
        "golden-1",
        "gold",
        "123456789012",
        False,
    )
    assert (found["Architecture"], found["BootMode"], found["EnaSupport"]) == ("x86_64", "uefi", True)
    assert (found["RootDeviceName"], found["RootDeviceType"], found["VirtualizationType"]) == (
        "/dev/xvda",
        "ebs",
        "hvm",
    )
    assert (found["SourceInstanceId"], found["SourceImageId"]) == (builder["InstanceId"], builder["ImageId"])
    assert found["CreationDate"].endswith("Z")
    ebs = found["BlockDeviceMappings"][0]["Ebs"]
    assert (ebs["VolumeSize"], ebs["VolumeType"], ebs["DeleteOnTermination"]) == (9, "gp3", True)
    assert found["Tags"] == [{"Key": "kind", "Value": "image"}]


def test_its_snapshot_has_tags_of_its_own(ec2: Any, builder: dict[str, Any], image: str) -> None:
    snapshot = ec2.describe_snapshots(SnapshotIds=[snapshot_of(ec2, image)])["Snapshots"][0]
    assert snapshot["Tags"] == [{"Key": "kind", "Value": "snapshot"}]
    assert snapshot["VolumeId"] == builder["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    assert image in snapshot["Description"]


@pytest.mark.parametrize(
    "question",
    [
        {"Owners": ["self"]},
        {"Owners": ["123456789012"], "Filters": [{"Name": "name", "Values": ["golden-*"]}]},
        {"Filters": [{"Name": "tag:kind", "Values": ["image"]}, {"Name": "state", "Values": ["available"]}]},
        {
            "Filters": [
                {"Name": "owner-id", "Values": ["123456789012"]},
                {"Name": "architecture", "Values": ["x86_64"]},
            ]
        },
        {"Owners": ["self"], "Filters": [{"Name": "root-device-type", "Values": ["ebs"]}]},
        {
            "Owners": ["self"],
            "Filters": [{"Name": "tag-key", "Values": ["kind"]}, {"Name": "is-public", "Values": ["false"]}],
        },
    ],
)
def test_described_by_owner_and_filters(ec2: Any, image: str, question: dict[str, Any]) -> None:
    assert [found["ImageId"] for found in ec2.describe_images(**question)["Images"]] == [image]


def test_questions_that_do_not_find_it(ec2: Any, cloud: Ec2Client, image: str) -> None:
    assert ec2.describe_images(Owners=["amazon"])["Images"] == []
    assert image not in [found["ImageId"] for found in ec2.describe_images(Owners=["000000000000"])["Images"]]
    assert (
        ec2.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": ["golden"]}])["Images"] == []
    )
    assert ec2.describe_images(ImageIds=[cloud.tiny], Owners=["self"])["Images"] == []
    with refused("InvalidAMIID.NotFound", "The image id '[ami-0123456789abcdef0]' does not exist"):
        ec2.describe_images(ImageIds=["ami-0123456789abcdef0"])
    with refused("InvalidAMIID.Malformed"):
        ec2.describe_images(ImageIds=["golden-1"])


def test_a_base_image_and_its_snapshot_are_somebody_elses(ec2: Any, cloud: Ec2Client) -> None:
    base = ec2.describe_images(ImageIds=[cloud.tiny])["Images"][0]
    assert (base["OwnerId"], base["Public"], base["Tags"]) == (
        "000000000000",
        True,
        [{"Key": "LoginUser", "Value": "root"}],
    )
    own = [snapshot["SnapshotId"] for snapshot in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]]
    assert base["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] not in own
    with refused("AuthFailure"):
        ec2.deregister_image(ImageId=cloud.tiny)


def test_names_are_checked(ec2: Any, cloud: Ec2Client, builder: dict[str, Any], image: str) -> None:
    with refused("InvalidAMIName.Duplicate", f"AMI name golden-1 is already in use by AMI {image}"):
        ec2.create_image(InstanceId=builder["InstanceId"], Name="golden-1", NoReboot=True)
    unchecked = boto3.client(  # botocore itself refuses a name that is too short
        "ec2",
        endpoint_url=cloud.endpoint.url,
        region_name=cloud.endpoint.region,
        aws_access_key_id=cloud.endpoint.access_key,
        aws_secret_access_key=cloud.endpoint.secret_key,
        config=Config(parameter_validation=False),
    )
    for name in ("ab", "a:b:c", "x" * 129):
        with refused("InvalidAMIName.Malformed", "between 3 and 128 characters"):
            unchecked.create_image(InstanceId=builder["InstanceId"], Name=name, NoReboot=True)
    with refused("InvalidInstanceID.NotFound"):
        ec2.create_image(InstanceId="i-0123456789abcdef0", Name="of-nobody")


def test_a_machine_from_the_image_has_what_was_written_before_and_not_after(
    ec2: Any, cloud: Ec2Client, builder: dict[str, Any], image: str
) -> None:
    cloud.ssh(builder, "echo later > /root/later && sync")
    with cloud.instance(ImageId=image) as child:
        assert (
            cloud.ssh(child, "cat /root/made; ls /root/later 2>/dev/null || echo absent") == "live\nabsent\n"
        )
        assert cloud.ssh(child, "cat /sys/block/vda/size").strip() == str(9 << 21)
        with refused("InvalidSnapshot.InUse", f"is currently in use by {image}"):
            ec2.delete_snapshot(SnapshotId=snapshot_of(ec2, image))


def test_without_no_reboot_the_machine_is_powered_down_and_started_again(
    ec2: Any, cloud: Ec2Client, builder: dict[str, Any]
) -> None:
    # Not synced: only a clean shutdown brings it into the image.
    boot = cloud.ssh(builder, "cat /proc/sys/kernel/random/boot_id; echo unsynced > /root/unsynced")
    made = ec2.create_image(InstanceId=builder["InstanceId"], Name="golden-rebooted")["ImageId"]
    assert cloud.state(builder["InstanceId"]) == "running"
    ec2.get_waiter("image_available").wait(ImageIds=[made], WaiterConfig=FAST)
    until(lambda: cloud.ssh(builder, "cat /proc/sys/kernel/random/boot_id") != boot, 90, "the reboot")
    with cloud.instance(ImageId=made) as child:
        assert cloud.ssh(child, "cat /root/unsynced") == "unsynced\n"
    remove(ec2, made)


def test_registered_from_a_snapshot(ec2: Any, cloud: Ec2Client, image: str) -> None:
    mappings = [
        {
            "DeviceName": "/dev/xvda",
            "Ebs": {"SnapshotId": snapshot_of(ec2, image), "VolumeSize": 10, "VolumeType": "gp3"},
        },
        {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1}},
    ]
    # On a busy host its own second is over too soon.
    faults.add(cloud.endpoint.url, [{"kind": "state", "change": "image", "seconds": 3600}])
    made = ec2.register_image(
        Name="registered",
        Architecture="x86_64",
        RootDeviceName="/dev/xvda",
        BlockDeviceMappings=mappings,
        BootMode="uefi",
        EnaSupport=True,
        ImdsSupport="v2.0",
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "a", "Value": "b"}]}],
    )["ImageId"]
    found = ec2.describe_images(ImageIds=[made])["Images"][0]
    assert (found["State"], found["ImdsSupport"], found["Tags"]) == (
        "pending",
        "v2.0",
        [{"Key": "a", "Value": "b"}],
    )
    with refused("InvalidAMIID.Unavailable", f"AMI '{made}' is pending, and cannot be run"):
        cloud.run(ImageId=made)
    faults.clear(cloud.endpoint.url)
    ec2.get_waiter("image_available").wait(ImageIds=[made], WaiterConfig=FAST)
    with cloud.instance(ImageId=made) as child:
        assert child["MetadataOptions"]["HttpTokens"] == "required"
        assert cloud.ssh(child, "cat /root/made; cat /sys/block/vdb/size") == f"live\n{1 << 21}\n"
    ec2.deregister_image(ImageId=made)
    with refused("InvalidAMIID.Unavailable"):
        ec2.run_instances(ImageId=made, MinCount=1, MaxCount=1, InstanceType="t3.nano")
    assert ec2.describe_images(ImageIds=[made])["Images"] == []


def test_a_copied_image_is_independent(ec2: Any, image: str) -> None:
    copied = ec2.copy_image(
        SourceImageId=image, SourceRegion="us-east-1", Name="copied", Encrypted=True, TagSpecifications=TAGS
    )["ImageId"]
    found = ec2.describe_images(ImageIds=[copied])["Images"][0]
    assert found["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True
    assert found["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] != snapshot_of(ec2, image)
    remove(ec2, copied)


def test_the_description_and_the_sharing_can_be_changed(ec2: Any, image: str) -> None:
    ec2.modify_image_attribute(ImageId=image, Description={"Value": "pure gold"})
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"UserId": "210987654321"}]})
    found = ec2.describe_images(ImageIds=[image])["Images"][0]
    assert found["Description"] == "pure gold"
    shared = ec2.describe_image_attribute(ImageId=image, Attribute="launchPermission")["LaunchPermissions"]
    assert shared == [{"UserId": "210987654321"}]


def permissions(ec2: Any, image: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = ec2.describe_image_attribute(ImageId=image, Attribute="launchPermission")[
        "LaunchPermissions"
    ]
    return found


def test_a_public_image_is_everybodys_to_list(ec2: Any, image: str) -> None:
    ec2.modify_image_attribute(
        ImageId=image, LaunchPermission={"Add": [{"Group": "all"}], "Remove": [{"UserId": "210987654321"}]}
    )
    assert permissions(ec2, image) == [{"Group": "all"}]
    assert ec2.describe_images(ImageIds=[image])["Images"][0]["Public"] is True
    of_all = ec2.describe_images(
        ExecutableUsers=["all"], Owners=["self"], Filters=[{"Name": "is-public", "Values": ["true"]}]
    )["Images"]
    assert [found["ImageId"] for found in of_all] == [image]
    ec2.modify_image_attribute(
        ImageId=image, Attribute="launchPermission", OperationType="remove", UserGroups=["all"]
    )
    assert permissions(ec2, image) == []


def test_executable_users_are_those_it_is_shared_with(ec2: Any, image: str) -> None:
    ec2.modify_image_attribute(
        ImageId=image, Attribute="launchPermission", OperationType="add", UserIds=["210987654321"]
    )
    by_user = {
        user: ec2.describe_images(ExecutableUsers=[user], Owners=["self"])["Images"]
        for user in ("210987654321", "333333333333")
    }
    assert {user: [found["ImageId"] for found in images] for user, images in by_user.items()} == {
        "210987654321": [image],
        "333333333333": [],
    }
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Remove": [{"UserId": "210987654321"}]})


def test_a_snapshot_is_shared_by_itself_in_both_spellings(ec2: Any, image: str) -> None:
    snapshot = snapshot_of(ec2, image)

    def shared() -> list[dict[str, str]]:
        found = ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")[
            "CreateVolumePermissions"
        ]
        return sorted(found, key=str)

    ec2.modify_snapshot_attribute(
        SnapshotId=snapshot, CreateVolumePermission={"Add": [{"UserId": "210987654321"}, {"Group": "all"}]}
    )
    assert shared() == [{"Group": "all"}, {"UserId": "210987654321"}]
    ec2.modify_snapshot_attribute(
        SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="remove", GroupNames=["all"]
    )
    ec2.modify_snapshot_attribute(
        SnapshotId=snapshot, CreateVolumePermission={"Remove": [{"UserId": "210987654321"}]}
    )
    assert shared() == []


def test_an_account_may_block_what_is_public(ec2: Any, image: str) -> None:
    snapshot = snapshot_of(ec2, image)
    assert ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"] == "unblocked"
    ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    ec2.enable_snapshot_block_public_access(State="block-all-sharing")
    try:
        assert ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"] == "block-new-sharing"
        assert ec2.get_snapshot_block_public_access_state()["State"] == "block-all-sharing"
        with refused("OperationNotPermitted", "block public access for AMIs is enabled"):
            ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"Group": "all"}]})
        with refused("OperationNotPermitted"):
            ec2.modify_snapshot_attribute(
                SnapshotId=snapshot, CreateVolumePermission={"Add": [{"Group": "all"}]}
            )
        ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"UserId": "210987654321"}]})
    finally:
        ec2.disable_image_block_public_access()
        ec2.disable_snapshot_block_public_access()
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Remove": [{"UserId": "210987654321"}]})
    assert ec2.get_snapshot_block_public_access_state()["State"] == "unblocked"


def test_what_is_encrypted_is_not_public_and_with_awss_key_not_shared(
    ec2: Any, cloud: Ec2Client, image: str
) -> None:
    copied = ec2.copy_image(SourceImageId=image, SourceRegion="us-east-1", Name="encrypted", Encrypted=True)[
        "ImageId"
    ]
    ec2.get_waiter("image_available").wait(ImageIds=[copied], WaiterConfig=FAST)
    snapshot = snapshot_of(ec2, copied)
    everybody, account = {"Add": [{"Group": "all"}]}, {"Add": [{"UserId": "210987654321"}]}
    with refused("UnsupportedOperation", "Encrypted snapshots can't be shared publicly"):
        ec2.modify_image_attribute(ImageId=copied, LaunchPermission=everybody)
    with refused("InvalidParameter", "AWS Managed CMK"):
        ec2.modify_image_attribute(ImageId=copied, LaunchPermission=account)
    with refused("UnsupportedOperation"):
        ec2.modify_snapshot_attribute(SnapshotId=snapshot, CreateVolumePermission=everybody)
    with refused("InvalidParameter"):
        ec2.modify_snapshot_attribute(SnapshotId=snapshot, CreateVolumePermission=account)
    assert permissions(ec2, copied) == []
    remove(ec2, copied)
    with refused("AuthFailure"):
        ec2.modify_image_attribute(ImageId=cloud.tiny, LaunchPermission=account)
