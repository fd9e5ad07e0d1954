"""Keys of KMS are found before anything is made with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from build.aws.encryption import key_arn
from build.aws.session import client
from build.errors import UserError
from tests.pretended_cloud import PretendedCloud, pretended_cloud

SETTING = "launch.data_volume.kms_key_id"


@pytest.fixture(scope="module")
def cloud() -> Iterator[PretendedCloud]:
    with pretended_cloud() as cloud:
        yield cloud


def test_a_key_is_named_by_id_alias_or_arn(cloud: PretendedCloud) -> None:
    kms = client(cloud.clients.cloud, "kms")
    made = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/hubs", TargetKeyId=made["KeyId"])
    alias_arn = made["Arn"].rpartition(":")[0] + ":alias/hubs"
    for name in (made["KeyId"], made["Arn"], "alias/hubs", alias_arn):
        assert key_arn(cloud.clients, SETTING, name) == made["Arn"]


@pytest.mark.parametrize("name", ["alias/nobodys", "1234abcd-12ab-34cd-56ef-1234567890ab"])
def test_a_key_that_is_not_there_is_refused_by_the_name_of_its_setting(
    cloud: PretendedCloud, name: str
) -> None:
    with pytest.raises(UserError, match=f"^{SETTING}: {name}: ") as caught:
        key_arn(cloud.clients, SETTING, name)
    assert "`aws kms list-aliases --region us-east-1`" in str(caught.value.hint)


def test_a_key_that_cannot_encrypt_volumes_is_refused(cloud: PretendedCloud) -> None:
    kms = client(cloud.clients.cloud, "kms")
    disabled, signing = (
        kms.create_key()["KeyMetadata"],
        kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY"),
    )
    kms.disable_key(KeyId=disabled["KeyId"])
    for key_id in (disabled["KeyId"], signing["KeyMetadata"]["KeyId"]):
        with pytest.raises(UserError, match=key_id) as caught:
            key_arn(cloud.clients, SETTING, key_id)
        assert "a symmetric key that is enabled" in str(caught.value.hint)
