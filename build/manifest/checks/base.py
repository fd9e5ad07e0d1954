"""Rules of base: what no lookup would find is told without asking AWS."""

from __future__ import annotations

from collections.abc import Iterator

from build.aws.publishers import why_not
from build.manifest.schema import ManifestFile
from build.manifest.yaml.nodes import KeyPath


def problems(settings: ManifestFile) -> Iterator[tuple[KeyPath, str]]:
    """An account that publishes nothing in the partition of the region."""
    from build.aws.regions import partition_of  # botocore takes its time

    partition = partition_of(settings.region)
    if settings.base.owner and (complaint := why_not(settings.base.owner, partition)):
        yield ("base", "owner"), complaint
