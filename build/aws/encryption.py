"""How EBS encrypts: the account's setting for all new volumes, and keys of KMS by their ARNs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws.errors import code_of
from build.aws.session import Clients, client
from build.errors import UserError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

_AWS_KEY = "alias/aws/ebs"
_UNKNOWN = ("NotFoundException", "InvalidArnException", "ValidationException")


def by_default(ec2: EC2Client) -> bool:
    """Whether EBS encrypts every new volume of the account in this region, whatever the request says.

    Source: EBS user guide, "Encryption by default".
    """
    return ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"]


def default_key_is_aws(ec2: EC2Client) -> bool:
    """Whether what names no key is encrypted with AWS's own one, which no other account can use."""
    return ec2.get_ebs_default_kms_key_id()["KmsKeyId"].endswith(_AWS_KEY)


def key_arn(clients: Clients, setting: str, key: str) -> str:
    """The ARN of the KMS key that ``key`` (an id, an alias, an ARN) names; ``setting`` is the manifest's.

    EC2 looks at a key only after it has answered: an instance with a wrong one ends with
    Client.InternalError. Raises UserError for a key that cannot encrypt volumes.
    """
    try:
        found = client(clients.cloud, "kms").describe_key(KeyId=key)["KeyMetadata"]
    except ClientError as exc:
        if code_of(exc) not in _UNKNOWN:
            raise
        raise UserError(
            f"{setting}: {key}: {exc.response['Error'].get('Message')}",
            hint=f"`aws kms list-aliases --region {clients.cloud.region}` lists the keys of the region",
        ) from exc
    if found["KeyState"] != "Enabled" or found.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        raise UserError(
            f"{setting}: {key} is {found['KeyState']}, {found.get('KeySpec')}",
            hint="EBS needs a symmetric key that is enabled",
        )
    return str(found["Arn"])
