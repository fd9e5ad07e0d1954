"""Regions of one cloud: what is whose, copies between them, and those that are not enabled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from build.aws.session import client
from localcloud import base_image
from localcloud.ec2.pace import Pace
from localcloud.ec2.rules import base_images, copies
from tests.pretended_cloud import BASE, IMAGE, PretendedCloud, pretended_cloud

OTHER = "eu-west-1"


@pytest.fixture
def cloud() -> Iterator[PretendedCloud]:
    with pretended_cloud() as cloud:
        yield cloud


@pytest.fixture
def other(cloud: PretendedCloud) -> Any:
    """EC2 of another region."""
    return of_region(cloud, OTHER)


def of_region(cloud: PretendedCloud, region: str, service: str = "ec2") -> Any:
    return client(replace(cloud.clients.cloud, region=region), service)


def refusal(call: Any, **parameters: Any) -> tuple[str, str]:
    """(code, message) of the error."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def copy(ec2: Any, **more: Any) -> str:
    return str(ec2.copy_image(SourceRegion="us-east-1", SourceImageId=IMAGE, Name="copy", **more)["ImageId"])


def image(ec2: Any, image_id: str) -> dict[str, Any]:
    return dict(ec2.describe_images(ImageIds=[image_id])["Images"][0])


def test_an_id_is_known_in_its_region_only(cloud: PretendedCloud, other: Any) -> None:
    ec2 = cloud.clients.ec2
    volume = ec2.create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
    assert refusal(other.describe_volumes, VolumeIds=[volume])[0] == "InvalidVolume.NotFound"
    assert refusal(other.delete_volume, VolumeId=volume)[0] == "InvalidVolume.NotFound"
    assert refusal(other.create_tags, Resources=[volume], Tags=[{"Key": "a", "Value": "b"}])[0].startswith(
        "Inv"
    )
    assert refusal(other.describe_images, ImageIds=[IMAGE])[0] == "InvalidAMIID.NotFound"
    assert refusal(other.describe_snapshots, SnapshotIds=[BASE])[0] == "InvalidSnapshot.NotFound"
    run: Any = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.nano"}
    assert refusal(other.run_instances, **run)[0] == "InvalidAMIID.NotFound"
    assert other.describe_volumes()["Volumes"] == []
    assert refusal(ec2.create_volume, Size=1, AvailabilityZone="eu-west-1a")[0] == "InvalidZone.NotFound"


def test_an_image_is_copied_to_another_region_and_launched_there(cloud: PretendedCloud, other: Any) -> None:
    cloud.clients.ec2.create_tags(Resources=[IMAGE], Tags=[{"Key": "of", "Value": "source"}])
    specification: Any = [
        {"ResourceType": kind, "Tags": [{"Key": "of", "Value": "copy"}]} for kind in ("image", "snapshot")
    ]
    made = copy(other, TagSpecifications=specification)
    assert image(other, made)["State"] == "pending"
    run: Any = {"ImageId": made, "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.nano"}
    assert refusal(other.run_instances, **run)[0] == "InvalidAMIID.Unavailable"
    other.get_waiter("image_available").wait(ImageIds=[made], WaiterConfig={"Delay": 1, "MaxAttempts": 9})
    found = image(other, made)
    (snapshot,) = [each["Ebs"]["SnapshotId"] for each in found["BlockDeviceMappings"]]
    assert (found["SourceImageId"], found["Tags"]) == (IMAGE, [{"Key": "of", "Value": "copy"}])
    described = other.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
    assert described["Tags"] == [{"Key": "of", "Value": "copy"}]
    assert f"for SourceSnapshot {BASE}" in described["Description"]
    assert refusal(cloud.clients.ec2.describe_images, ImageIds=[made])[0] == "InvalidAMIID.NotFound"
    assert other.run_instances(**run)["Instances"][0]["Placement"]["AvailabilityZone"] == "eu-west-1a"


def test_the_copy_outlives_its_source(
    cloud: PretendedCloud, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_image, "cached", list)  # real ones, and layers are pretended
    made = copy(other)
    cloud.clients.ec2.deregister_image(ImageId=IMAGE)
    cloud.clients.ec2.delete_snapshot(SnapshotId=BASE)
    (snapshot,) = [each["Ebs"]["SnapshotId"] for each in image(other, made)["BlockDeviceMappings"]]
    layer = cloud.backend.sibling(OTHER).snapshots[snapshot].layer
    for backend in cloud.backend.siblings():
        backend.host.reconcilers["layers"](backend, "")
    assert layer is not None
    assert cloud.host.layers.path(layer).exists()


def test_tags_of_the_source_are_copied_when_asked_for(cloud: PretendedCloud, other: Any) -> None:
    cloud.clients.ec2.create_tags(Resources=[IMAGE], Tags=[{"Key": "of", "Value": "source"}])
    assert image(other, copy(other, CopyImageTags=True))["Tags"] == [{"Key": "of", "Value": "source"}]


@pytest.mark.parametrize("region", ["eu-west-9", "cn-north-1", "af-south-1"])
def test_a_region_that_cannot_be_copied_from(other: Any, region: str) -> None:
    """There is none, it is another partition's, or it is not enabled."""
    asked: Any = {"SourceRegion": region, "SourceImageId": IMAGE, "Name": "copy"}
    assert refusal(other.copy_image, **asked) == (
        "InvalidParameterValue",
        f"Invalid value '{region}' for sourceRegion.",
    )
    assert (
        refusal(other.copy_snapshot, SourceRegion=region, SourceSnapshotId=BASE)[0] == "InvalidParameterValue"
    )


def test_a_source_is_looked_for_in_its_region(other: Any) -> None:
    asked: Any = {"SourceRegion": OTHER, "SourceImageId": IMAGE, "Name": "copy"}
    assert refusal(other.copy_image, **asked)[0] == "InvalidAMIID.NotFound"
    assert (
        refusal(other.copy_snapshot, SourceRegion=OTHER, SourceSnapshotId=BASE)[0]
        == "InvalidSnapshot.NotFound"
    )


def test_names_of_images_are_unique_in_a_region(cloud: PretendedCloud, other: Any) -> None:
    copy(other)
    assert refusal(copy, ec2=other)[0] == "InvalidAMIName.Duplicate"
    copy(cloud.clients.ec2)


def test_a_client_token_makes_one_copy(other: Any) -> None:
    made = copy(other, ClientToken="one")
    assert copy(other, ClientToken="one") == made
    assert refusal(copy, ec2=other, ClientToken="one", Encrypted=True)[0] == "IdempotentParameterMismatch"


def test_a_copy_is_encrypted_with_a_key_of_its_own_region(cloud: PretendedCloud, other: Any) -> None:
    key = of_region(cloud, OTHER, "kms").create_key()["KeyMetadata"]["Arn"]
    asked: Any = {"SourceRegion": "us-east-1", "SourceSnapshotId": BASE}
    assert refusal(other.copy_snapshot, **asked, KmsKeyId=key)[0] == "InvalidParameterDependency"
    made = other.copy_snapshot(**asked, Encrypted=True, KmsKeyId=key)["SnapshotId"]
    found = other.describe_snapshots(SnapshotIds=[made])["Snapshots"][0]
    assert (found["Encrypted"], found["KmsKeyId"]) == (True, key)


def test_a_key_of_another_region_lets_the_copy_fail_later(cloud: PretendedCloud, other: Any) -> None:
    key = client(cloud.clients.cloud, "kms").create_key()["KeyMetadata"]["Arn"]
    asked: Any = {"SourceRegion": "us-east-1", "SourceSnapshotId": BASE, "Encrypted": True, "KmsKeyId": key}
    made = other.copy_snapshot(**asked)["SnapshotId"]
    found = other.describe_snapshots(SnapshotIds=[made])["Snapshots"][0]
    assert (found["State"], found["StateMessage"]) == ("error", "Given key ID is not accessible")
    cloud.host.pace = Pace(image_s=0)
    assert image(other, copy(other, Encrypted=True, KmsKeyId=key))["State"] == "failed"


def test_so_many_snapshots_are_copied_at_once(
    cloud: PretendedCloud, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "LIMIT", 2)
    cloud.host.pace = Pace(snapshot_s=60)
    asked: Any = {"SourceRegion": "us-east-1", "SourceSnapshotId": BASE}
    cloud.clients.ec2.copy_snapshot(**asked)
    made = [other.copy_snapshot(**asked)["SnapshotId"] for _ in range(2)]
    assert refusal(other.copy_snapshot, **asked) == (
        "ResourceLimitExceeded",
        "Too many snapshot copies in progress. The limit is 2 for this destination region.",
    )
    cloud.backend.sibling(OTHER).snapshots[made[0]].pending_until = 0
    other.copy_snapshot(**asked)


def test_a_region_that_is_not_enabled_knows_no_credentials(cloud: PretendedCloud) -> None:
    closed = of_region(cloud, "af-south-1")
    message = "AWS was not able to validate the provided access credentials"
    assert refusal(closed.describe_images) == ("AuthFailure", message)
    message = "The security token included in the request is invalid."
    sts, ssm = (of_region(cloud, "af-south-1", service) for service in ("sts", "ssm"))
    assert refusal(sts.get_caller_identity) == ("InvalidClientTokenId", message)
    assert refusal(ssm.describe_parameters) == ("UnrecognizedClientException", message)
    cloud.host.opted_in = frozenset({"af-south-1"})
    assert closed.describe_volumes()["Volumes"] == []


def test_there_is_no_such_region(cloud: PretendedCloud) -> None:
    code, message = refusal(of_region(cloud, "eu-west-9").describe_images)
    assert (code, message) == ("SignatureDoesNotMatch", "Credential should be scoped to a valid region.")


def test_regions_are_listed_with_their_status(cloud: PretendedCloud) -> None:
    cloud.host.opted_in = frozenset({"eu-south-2"})

    def listed(region: str = "us-east-1", **asked: Any) -> dict[str, str]:
        found = of_region(cloud, region).describe_regions(**asked)["Regions"]
        return {each["RegionName"]: each["OptInStatus"] for each in found}

    usual = listed()
    assert (usual["us-east-1"], usual["eu-south-2"]) == ("opt-in-not-required", "opted-in")
    assert not {"af-south-1", "cn-north-1"} & set(usual)
    assert listed(AllRegions=True)["af-south-1"] == "not-opted-in"
    assert listed(RegionNames=[OTHER]) == {OTHER: "opt-in-not-required"}
    assert set(listed(Filters=[{"Name": "opt-in-status", "Values": ["opted-in"]}])) == {"eu-south-2"}
    assert set(listed("cn-north-1")) == {"cn-north-1", "cn-northwest-1"}
    code, _ = refusal(cloud.clients.ec2.describe_regions, RegionNames=["cn-north-1"])
    assert code == "InvalidParameterValue"


def test_a_base_image_has_an_id_of_its_own_in_each_region() -> None:
    names = [base_images.ids("debian-13-amd64-1", region) for region in ("us-east-1", OTHER, "cn-north-1")]
    assert len(set(names)) == 3
    assert names[0] == base_images.ids("debian-13-amd64-1")


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "mx-central-1"])
def test_regions_whose_types_moto_does_not_know_offer_some(cloud: PretendedCloud, region: str) -> None:
    cloud.host.opted_in = frozenset({"mx-central-1"})
    ec2 = of_region(cloud, region)
    zones = {zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]}
    named: Any = [{"Name": "instance-type", "Values": ["t3.large"]}]
    found = ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=named)
    assert {offer["Location"] for offer in found["InstanceTypeOfferings"]} == zones
