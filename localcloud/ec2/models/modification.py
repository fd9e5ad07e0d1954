"""What ModifyVolume asked of a volume, and how far that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import utcnow

OPTIMIZING = timedelta(seconds=1)  # EC2 moves data for hours; here only the state is shown for a moment


@dataclass(frozen=True)
class Shape:
    """What can be modified of a volume."""

    size: int
    volume_type: str
    iops: int | None
    throughput: int | None


@dataclass
class Modification:
    """modifying until the disk has grown, optimizing for a moment, then completed; failed for good."""

    volume_id: str
    original: Shape
    target: Shape
    start_time: datetime = field(default_factory=utcnow)
    applied_at: datetime | None = None
    message: str = ""  # what it waits for, or why it failed
    failed: bool = False

    def state(self, *, held: bool) -> str:
        """EC2's word for it; held: it is to be "optimizing" for longer."""
        if self.failed:
            return "failed"
        if self.applied_at is None:
            return "modifying"
        return "optimizing" if held or utcnow() - self.applied_at < OPTIMIZING else "completed"

    def as_response(self, *, held: bool) -> dict[str, Any]:
        """As ModifyVolume and DescribeVolumesModifications show it."""
        state = self.state(held=held)
        progress = {"modifying": 0, "optimizing": 50, "completed": 100, "failed": 0}[state]
        ended = self.applied_at + OPTIMIZING if self.applied_at and state == "completed" else None
        members = {
            "VolumeId": self.volume_id,
            "ModificationState": state,
            "StatusMessage": self.message,
            "Progress": progress,
        }
        members |= (
            {"StartTime": self.start_time, "EndTime": ended}
            | _members("Original", self.original)
            | _members("Target", self.target)
        )
        return {name: value for name, value in members.items() if value not in (None, "")}


def _members(prefix: str, shape: Shape) -> dict[str, Any]:
    sizes = {
        "Size": shape.size,
        "VolumeType": shape.volume_type,
        "Iops": shape.iops,
        "Throughput": shape.throughput,
    }
    return {f"{prefix}{name}": value for name, value in (sizes | {"MultiAttachEnabled": False}).items()}
