"""The regions of AWS and their partitions, as botocore knows them without asking anybody."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import botocore.session


@functools.cache
def known() -> tuple[str, ...]:
    """The names of all regions, of every partition."""
    return tuple(sorted(_partitions()))


def partition_of(region: str) -> str:
    """The partition of a region, as ARNs have it: aws, aws-cn, aws-us-gov, aws-eusc, ….

    A region that botocore does not list yet is judged by its name. Raises botocore's UnknownRegionError for
    one that looks like none of them.
    """
    return _partitions().get(region) or str(_session().get_partition_for_region(region))


@functools.cache
def _partitions() -> Mapping[str, str]:
    """Region -> its partition."""
    partitions = _session().get_data("partitions")["partitions"]
    return {
        name: each["id"] for each in partitions for name in each["regions"] if not name.endswith("-global")
    }


@functools.cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()
