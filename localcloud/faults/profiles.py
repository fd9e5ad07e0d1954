"""Sets of faults with a name."""

from __future__ import annotations

from build.errors import UserError
from localcloud.faults.fault import Fault


def _takes(change: str, seconds: float, per_gib: float | None = None) -> Fault:
    return Fault("state", change=change, seconds=seconds, seconds_per_gib=per_gib)


# like-aws: the middle of what a small instance and an image of few GiB take in us-east-1.
PROFILES = {
    "like-aws": (
        _takes("running", 12),
        _takes("stopped", 20),
        _takes("terminated", 20),
        _takes("image", 20),
        _takes("snapshot", 45, per_gib=20),
        _takes("volume", 2),
        _takes("attached", 2),
        _takes("detached", 2),
        _takes("optimized", 30),
        _takes("console", 240),
        Fault("consistency", seconds=5),
    ),
    "throttled": (Fault("error", call="ec2:*", code="RequestLimitExceeded", times=5),),
}


def profile(name: str) -> tuple[Fault, ...]:
    """The faults of a profile; raises UserError for an unknown one."""
    if name not in PROFILES:
        raise UserError(f"unknown profile of faults {name!r}", hint=f"there are {', '.join(PROFILES)}")
    return PROFILES[name]
