"""Rules of publish.regions: what EC2 would refuse at the end of a build is refused before it."""

from __future__ import annotations

from collections.abc import Iterator

from build.manifest.schema import ManifestFile
from build.manifest.yaml.nodes import KeyPath

_AT: KeyPath = ("publish", "regions")


def problems(settings: ManifestFile) -> Iterator[tuple[KeyPath, str]]:
    """Everything that keeps copies of the image from other regions."""
    from build.aws.regions import partition_of  # botocore takes its time

    here = partition_of(settings.region)
    for index, region in enumerate(settings.publish.regions):
        if region == settings.region:
            yield (*_AT, index), "is the region of the build: name the others only"
        elif (there := partition_of(region)) != here:
            yield (
                (*_AT, index),
                f"is in the partition {there}, and {settings.region} in {here}: EC2 copies no image between "
                "partitions",
            )
    key = settings.builder.root_volume.kms_key_id
    if settings.publish.regions and key and not key.startswith("alias/"):
        yield (
            ("builder", "root_volume", "kms_key_id"),
            "should be an alias (alias/NAME) when publish.regions is set: a key is of one region, and each "
            "copy is encrypted with the key that has this alias in its region",
        )
