"""The regions of AWS, as botocore knows them without asking anybody."""

from __future__ import annotations

import functools

import botocore.session


@functools.cache
def known() -> tuple[str, ...]:
    """The names of all regions, of every partition."""
    partitions = botocore.session.get_session().get_data("partitions")["partitions"]
    return tuple(
        sorted(name for each in partitions for name in each["regions"] if not name.endswith("-global"))
    )
