"""EBS encryption by default, and the keys that EC2 records, as a customer sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.kms.models import kms_backends

from build.aws.session import client
from localcloud.server.services import SERVICES
from localcloud.server.state_store import dump, load
from tests.pretended_cloud import IMAGE, PretendedCloud, pretended_cloud


@pytest.fixture
def cloud() -> Iterator[PretendedCloud]:
    with pretended_cloud() as cloud:
        yield cloud


def volume(cloud: PretendedCloud, **more: Any) -> dict[str, Any]:
    return dict(cloud.clients.ec2.create_volume(Size=1, AvailabilityZone="us-east-1a", **more))


def key(cloud: PretendedCloud, alias: str) -> str:
    """A key of the account's own with that alias; its ARN."""
    kms = client(cloud.clients.cloud, "kms")
    made = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName=alias, TargetKeyId=made["KeyId"])
    return str(made["Arn"])


def test_by_default_everything_that_is_made_is_encrypted(cloud: PretendedCloud) -> None:
    ec2 = cloud.clients.ec2
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
    assert volume(cloud)["Encrypted"] is False
    ec2.enable_ebs_encryption_by_default()
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is True
    made = volume(cloud, Encrypted=False)
    assert (made["Encrypted"], made["KmsKeyId"].endswith("alias/aws/ebs")) == (True, True)
    mapping: Any = {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": False}}
    ec2.run_instances(
        ImageId=IMAGE, InstanceType="t3.nano", MinCount=1, MaxCount=1, BlockDeviceMappings=[mapping]
    )
    (instance,) = cloud.backend.local_instances()
    assert [attachment.volume.encrypted for attachment in instance.attachments] == [True]
    copied = ec2.copy_snapshot(SourceSnapshotId="snap-0123456789abcdef0", SourceRegion="us-east-1")
    assert cloud.backend.snapshots[copied["SnapshotId"]].encrypted
    ec2.disable_ebs_encryption_by_default()
    assert volume(cloud)["Encrypted"] is False


def test_a_key_is_recorded_by_its_arn_however_it_is_named(cloud: PretendedCloud) -> None:
    arn = key(cloud, "alias/hubs")
    for name in (arn, arn.rpartition("/")[2], "alias/hubs", arn.rpartition(":")[0] + ":alias/hubs"):
        assert volume(cloud, Encrypted=True, KmsKeyId=name)["KmsKeyId"] == arn
    unknown = volume(cloud, Encrypted=True, KmsKeyId="alias/nobodys")["KmsKeyId"]
    assert unknown.endswith(":alias/nobodys")


def test_the_default_key_can_be_the_accounts_own(cloud: PretendedCloud) -> None:
    ec2, arn = cloud.clients.ec2, key(cloud, "alias/hubs")
    assert ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"
    assert ec2.modify_ebs_default_kms_key_id(KmsKeyId="alias/hubs")["KmsKeyId"] == arn
    assert volume(cloud, Encrypted=True)["KmsKeyId"] == arn
    ec2.reset_ebs_default_kms_key_id()
    assert volume(cloud, Encrypted=True)["KmsKeyId"].endswith("alias/aws/ebs")


def test_settings_and_keys_survive_a_restart(cloud: PretendedCloud, tmp_path: Path) -> None:
    ec2, arn = cloud.clients.ec2, key(cloud, "alias/hubs")
    ec2.enable_ebs_encryption_by_default()
    ec2.modify_ebs_default_kms_key_id(KmsKeyId="alias/hubs")
    kms = client(cloud.clients.cloud, "kms")
    signing = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    public = kms.get_public_key(KeyId=signing)["PublicKey"]
    (tmp_path / "state").write_bytes(dump(SERVICES))
    for account in kms_backends.values():
        account.clear()
    load(tmp_path / "state", SERVICES)
    made = volume(cloud)
    assert (made["Encrypted"], made["KmsKeyId"]) == (True, arn)
    assert kms.get_public_key(KeyId=signing)["PublicKey"] == public
    assert kms.describe_key(KeyId="alias/hubs")["KeyMetadata"]["Arn"] == arn
