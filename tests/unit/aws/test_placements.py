"""The next zone or type where EC2 has no capacity."""

from __future__ import annotations

from contextlib import suppress

import pytest
from botocore.exceptions import ClientError

from build.aws.placements import Placement, first_with_capacity
from localcloud.faults.fault import Fault
from tests.pretended_cloud import IMAGE, pretended_cloud

SMALL_A, SMALL_B = (Placement("t3.large", f"subnet-{zone}", f"us-east-1{zone}") for zone in "ab")
OTHER = Placement("m7i.large", "subnet-a", "us-east-1a")


def tried(codes: dict[Placement, str]) -> tuple[list[Placement], list[str]]:
    """What is tried while these are refused with these codes, and what is said."""
    seen: list[Placement] = []
    said: list[str] = []

    def run(placement: Placement) -> str:
        seen.append(placement)
        if placement in codes:
            raise ClientError({"Error": {"Code": codes[placement]}}, "RunInstances")
        return "i-1"

    assert first_with_capacity([SMALL_A, SMALL_B, OTHER], run, said.append) == "i-1"
    return seen, said


def test_the_next_zone_and_then_the_next_type_is_tried() -> None:
    lack = "InsufficientInstanceCapacity"
    assert tried({SMALL_A: lack}) == (
        [SMALL_A, SMALL_B],
        ["no capacity for t3.large in us-east-1a, trying t3.large in us-east-1b"],
    )
    assert tried({SMALL_A: lack, SMALL_B: "Unsupported"})[0] == [SMALL_A, SMALL_B, OTHER]


def test_a_quota_is_met_in_every_zone() -> None:
    assert tried({SMALL_A: "VcpuLimitExceeded"})[0] == [SMALL_A, OTHER]


def test_what_is_not_a_lack_of_capacity_is_not_tried_again() -> None:
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        tried({SMALL_A: "UnauthorizedOperation"})


def test_the_last_refusal_is_raised_when_nothing_is_left() -> None:
    with pytest.raises(ClientError, match="Unsupported"):
        tried(dict.fromkeys([SMALL_A, SMALL_B], "InsufficientInstanceCapacity") | {OTHER: "Unsupported"})


def requests(code: str) -> int:
    """How often RunInstances is sent when it is refused once with this code."""
    with pretended_cloud() as cloud:
        cloud.host.faults.set(Fault("error", call="RunInstances", code=code, times=1))
        sent: list[object] = []
        # What a handler returns would be the answer.
        cloud.clients.ec2.meta.events.register(
            "before-send.ec2.RunInstances", lambda request, **_: sent.append(request)
        )
        with suppress(ClientError):
            cloud.clients.ec2.run_instances(ImageId=IMAGE, InstanceType="t3.nano", MinCount=1, MaxCount=1)
        return len(sent)


def test_a_lack_of_capacity_is_not_repeated_by_the_client_itself() -> None:
    assert requests("InsufficientInstanceCapacity") == 1
    assert requests("InternalError") == 2
