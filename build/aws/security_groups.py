"""Security groups: EC2 lets go of one only a while after its last instance is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws.errors import code_of
from build.aws.wait import wait_until

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


def delete_when_free(
    ec2: EC2Client, group_id: str, on_wait: Callable[[str], object], timeout_s: float = 120
) -> None:
    """Delete the group as soon as nothing uses it; one that is gone already is fine. Raises CloudError."""
    wait_until(
        lambda: _delete(ec2, group_id),
        lambda gone: gone,
        what=f"security group {group_id}",
        describe=lambda _: "still in use",
        timeout_s=timeout_s,
        on_wait=on_wait,
    )


def _delete(ec2: EC2Client, group_id: str) -> bool:
    try:
        ec2.delete_security_group(GroupId=group_id)
    except ClientError as exc:
        if code_of(exc) == "DependencyViolation":
            return False
        if code_of(exc) != "InvalidGroup.NotFound":
            raise
    return True
