"""How long EC2's copies take here, when no fault asks for more."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1 << 30


@dataclass(frozen=True)
class Pace:
    """Seconds for which new images and snapshots are pending at least; ``*_per_gib`` for each GiB copied.

    EC2 takes seconds to register an image, and minutes to copy a disk. Here the times are only long enough
    for clients that do not wait to be refused. The profile ``like-aws`` of faults has EC2's.
    """

    image_s: float = 1.0
    snapshot_s: float = 0.2
    snapshot_s_per_gib: float = 0.5
    console_s: float = 3.0
    """After a start: until what the console has said is posted."""

    def of_snapshot(self, data_bytes: int) -> float:
        """Seconds for a snapshot of so much data."""
        return self.snapshot_s + self.snapshot_s_per_gib * data_bytes / GIB
