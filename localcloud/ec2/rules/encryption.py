"""What EBS encrypts and with which key: recorded only, as layers are not encrypted.

Rules: EBS user guide, "Amazon EBS encryption". A key that KMS does not know is recorded as it was named;
EC2 would let the volume fail a while after it has answered.
"""

from __future__ import annotations

from moto.kms.exceptions import NotFoundException
from moto.kms.models import KmsBackend, kms_backends

from localcloud.ec2.backend import LocalBackend

AWS_KEY = "alias/aws/ebs"


def is_encrypted(backend: LocalBackend, *reasons: object) -> bool:
    """Whether a new volume or copy is encrypted: for one of the reasons, or as the account's default."""
    return any(reasons) or bool(backend.ebs_encryption_by_default)


def is_known(backend: LocalBackend, named: str) -> bool:
    """Does KMS have that key in this region, and is it enabled?"""
    kms: KmsBackend = kms_backends[backend.account_id][backend.region_name]
    if named.endswith(AWS_KEY):
        return True
    if named.startswith("arn:") and named.split(":")[3] != backend.region_name:
        return False
    try:
        return bool(kms.describe_key(kms.any_id_to_key_id(named)).key_state == "Enabled")
    except (NotFoundException, KeyError, AttributeError):  # the last one for an alias that nobody has
        return False


def key_arn(backend: LocalBackend, named: str | None) -> str:
    """The ARN of the key that encrypts: an alias and an id mean the key they belong to."""
    wanted = named or backend.ebs_default_kms_key_id or AWS_KEY
    kms: KmsBackend = kms_backends[backend.account_id][backend.region_name]
    if not wanted.endswith(AWS_KEY):
        try:
            return str(kms.describe_key(kms.any_id_to_key_id(wanted)).arn)
        except (NotFoundException, KeyError, AttributeError):  # the last one for an alias that nobody has
            pass
    if wanted.startswith("arn:"):
        return wanted
    return f"arn:{backend.partition}:kms:{backend.region_name}:{backend.account_id}:{wanted}"
