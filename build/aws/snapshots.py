"""EC2's limits of the snapshots of one volume, and to wait until they allow another.

One is pending for minutes, while its data are copied. While one is, EC2 takes the next one only 15 s after it
(API reference, error codes, SnapshotCreationPerVolumeRateExceeded), and no more than five at once (EBS user
guide, "Create Amazon EBS snapshots"). CreateImage counts: too soon after a snapshot it is accepted, and the
image fails (https://github.com/boto/boto3/issues/1698).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TypeVar

from build.aws import eventual
from build.aws.wait import wait_until

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import SnapshotTypeDef

T = TypeVar("T")

LIMITS = ("SnapshotCreationPerVolumeRateExceeded", "ConcurrentSnapshotLimitExceeded")
EVERY_S = 16.0
"""A second more than EC2 asks for: StartTime is that of EC2's clock."""
MOST_PENDING = 5


def why_not_now(ec2: EC2Client, volume_id: str, *, most_pending: int = MOST_PENDING) -> str | None:
    """Why no snapshot of the volume can be taken now; None when one can."""
    pending = _pending(ec2, volume_id)
    if len(pending) >= most_pending:
        return f"{len(pending)} snapshots of {volume_id} are pending"
    if pending:
        newest = max(found["StartTime"] for found in pending)
        age_s = (datetime.now(timezone.utc) - newest).total_seconds()
        if age_s < EVERY_S:
            return f"a snapshot of {volume_id} is pending that was begun {max(age_s, 0):.0f} s ago"
    return None


def wait_until_allowed(
    ec2: EC2Client,
    volume_id: str,
    *,
    timeout_s: float,
    on_wait: Callable[[str], object] = lambda _: None,
) -> None:
    """Wait until EC2 takes another snapshot of the volume. Raises CloudError after ``timeout_s``."""
    wait_until(
        lambda: why_not_now(ec2, volume_id),
        lambda why: why is None,
        what=f"the next snapshot of {volume_id}",
        timeout_s=timeout_s,
        on_wait=on_wait,
    )


def when_allowed(
    call: Callable[[], T],
    *,
    what: str,
    timeout_s: float,
    on_wait: Callable[[str], object] = lambda _: None,
) -> T:
    """Make a call that takes a snapshot, again while EC2's limits refuse it. Raises what botocore raises."""
    return eventual.retried(
        call, what=what, codes=LIMITS, timeout_s=timeout_s, interval_s=EVERY_S, on_wait=on_wait
    )


def _pending(ec2: EC2Client, volume_id: str) -> list[SnapshotTypeDef]:
    """Only the account's own are listed: the volume is its own, and so are its snapshots."""
    answer = ec2.describe_snapshots(
        OwnerIds=["self"],
        Filters=[
            {"Name": "volume-id", "Values": [volume_id]},
            {"Name": "status", "Values": ["pending"]},
        ],
    )
    return [found for found in answer["Snapshots"] if found["State"] == "pending"]
