"""The types of volumes, what they have by default, and how large they may be."""

from __future__ import annotations

from localcloud.ec2.errors import bad_value

MIN_SIZE_GIB, MAX_SIZE_GIB = 1, 16384
DEFAULT_IOPS = {"gp3": 3000}
DEFAULT_THROUGHPUT = {"gp3": 125}
TYPES = ("standard", "gp2", "gp3", "io1", "io2", "st1", "sc1")


def check_size(size: int) -> None:
    """Raise EC2's error for a size, in GiB, that no volume has."""
    if not MIN_SIZE_GIB <= size <= MAX_SIZE_GIB:
        raise bad_value(
            f"Volume of {size}GiB is out of range: it must be between {MIN_SIZE_GIB}GiB and {MAX_SIZE_GIB}GiB"
        )
