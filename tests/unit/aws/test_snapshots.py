"""EC2's limits of the snapshots of a volume, as a build knows them beforehand."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError

from build.aws import snapshots
from build.errors import CloudError


class Ec2:
    """The snapshots of vol-1: their ages in seconds, pending for as many looks as ``pending`` says."""

    def __init__(self, *ages: float, pending: int = 1000) -> None:
        self.ages, self.pending = ages, pending

    def describe_snapshots(self, OwnerIds: list[str], Filters: list[dict[str, Any]]) -> dict[str, Any]:
        assert OwnerIds == ["self"]
        assert {each["Name"]: each["Values"] for each in Filters} == {
            "volume-id": ["vol-1"],
            "status": ["pending"],
        }
        self.pending -= 1
        now = datetime.now(timezone.utc)
        state = "pending" if self.pending >= 0 else "completed"
        return {
            "Snapshots": [{"State": state, "StartTime": now - timedelta(seconds=age)} for age in self.ages]
        }


def why(*ages: float, **more: Any) -> str | None:
    ec2: Any = Ec2(*ages)
    return snapshots.why_not_now(ec2, "vol-1", **more)


def test_a_volume_without_pending_snapshots_has_no_limit() -> None:
    ec2: Any = Ec2(1, 2, 3, 4, 5, pending=0)
    assert why() is None
    assert snapshots.why_not_now(ec2, "vol-1") is None


def test_the_next_one_is_too_soon_for_15_seconds() -> None:
    assert why(400, 3) == "a snapshot of vol-1 is pending that was begun 3 s ago"
    assert why(15) is not None  # EC2's clock need not be this machine's
    assert why(400, 17) is None


def test_five_are_the_most_and_a_caller_may_leave_room() -> None:
    assert why(60, 70, 80, 90) is None
    assert why(60, 70, 80, 90, 100) == "5 snapshots of vol-1 are pending"
    assert why(60, 70, most_pending=3) is None
    assert why(60, 70, 80, most_pending=3) == "3 snapshots of vol-1 are pending"


def test_it_waits_until_another_is_allowed() -> None:
    ec2: Any = Ec2(60, 70, 80, 90, 100, pending=2)
    told: list[str] = []
    snapshots.wait_until_allowed(ec2, "vol-1", timeout_s=20, on_wait=told.append)
    assert told == ["the next snapshot of vol-1: 5 snapshots of vol-1 are pending"] * 2
    with pytest.raises(CloudError, match="last seen: a snapshot of vol-1 is pending"):
        snapshots.wait_until_allowed(_of(3), "vol-1", timeout_s=0.1)


def _of(*ages: float) -> Any:
    return Ec2(*ages)


@pytest.mark.parametrize("code", snapshots.LIMITS)
def test_a_call_that_the_limits_refuse_is_made_again(code: str) -> None:
    refusals = [ClientError({"Error": {"Code": code}}, "CreateImage")]

    def create() -> str:
        if refusals:
            raise refusals.pop()
        return "ami-1"

    assert snapshots.when_allowed(create, what="it", timeout_s=20) == "ami-1"
