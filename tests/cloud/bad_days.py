"""Faults of the local cloud as AWS has them on a bad day: each passes, so no command may fail for them."""

from __future__ import annotations

from random import Random
from typing import Any

_CALLS = (
    "AllocateAddress",
    "AssociateAddress",
    "AttachVolume",
    "AuthorizeSecurityGroupIngress",
    "ChangeResourceRecordSets",
    "CreateImage",
    "CreateInstanceProfile",
    "CreateRole",
    "CreateSecurityGroup",
    "CreateTags",
    "CreateVolume",
    "DescribeImages",
    "DescribeInstances",
    "DescribeSecurityGroups",
    "DescribeSnapshots",
    "DescribeVolumes",
    "GetParameter",
    "PutParameter",
    "RunInstances",
    "StopInstances",
    "TerminateInstances",
)
_REPEATABLE = ("AllocateAddress", "AttachVolume", "CreateImage", "CreateTags", "CreateVolume", "RunInstances")
"""Calls after whose lost answer the same call does no harm, or is asked with a token."""
_SLOW = ("running", "stopped", "terminated", "image", "snapshot", "volume", "attached", "detached")
_NEW = ("instance", "volume", "snapshot", "image", "security-group", "role", "instance-profile")


def drawn(random: Random) -> list[dict[str, Any]]:
    """Some of each kind, as `localcloud.faults.client.add` takes them."""
    throttled, broken, slow = random.sample(_CALLS, 3), random.choice(_CALLS), random.sample(_SLOW, 2)
    return [
        {"kind": "consistency", "seconds": round(random.uniform(0.5, 6), 1)},
        {"kind": "hide", "resource": random.choice(_NEW), "seconds": round(random.uniform(0.5, 4), 1)},
        *(_error(call, "RequestLimitExceeded", random.randint(1, 4)) for call in throttled[:2]),
        _error(throttled[2], "InternalError", random.randint(1, 2)),
        _error(broken, "ConnectionReset", 1),
        _error(random.choice(_REPEATABLE), "AnswerLost", 1),
        *({"kind": "state", "change": each, "seconds": round(random.uniform(1, 6), 1)} for each in slow),
    ]


def _error(call: str, code: str, times: int) -> dict[str, Any]:
    return {"kind": "error", "call": call, "code": code, "times": times}
