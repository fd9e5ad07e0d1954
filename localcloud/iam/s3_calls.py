"""S3's calls in IAM's words: actions are called otherwise than operations, and buckets have no account.

After https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html, for reading and
writing objects; other operations are judged under their own names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.iam import arns

_ACTIONS = {
    "AbortMultipartUpload": "AbortMultipartUpload",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "UploadPart": "PutObject",
}


def action(operation: str) -> str:
    """The action that an operation needs."""
    return _ACTIONS.get(operation, operation)


def named(operation: str, parameters: Mapping[str, Any], place: str) -> list[str]:
    """The ARN of the object or the bucket; of every object of the bucket where several are deleted."""
    bucket = parameters.get("Bucket")
    if not bucket:
        return []
    key = "*" if operation == "DeleteObjects" else parameters.get("Key")
    return [f"{arns.prefix(place)}:s3:::{bucket}" + (f"/{key}" if key else "")]
