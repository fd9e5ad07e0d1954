"""The base images in the cache: one qcow2 file and one JSON sidecar each.

The sidecar is written last and renamed into place: an image without one does not exist.
"""

from __future__ import annotations

import fnmatch
import json
import logging
import os
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from build.paths import cache_dir

FAMILIES = ("debian-13", "debian-12", "tiny")
_log = logging.getLogger("hubsmith.localcloud")


@dataclass(frozen=True)
class BaseImage:
    """A read-only qcow2 that boots under UEFI: GPT, an EFI system partition, an ext4 root.

    `owner` is the account that publishes its like on EC2 (Debian's own for Debian), `created` is ISO 8601 in
    UTC, `recipe` the digest of the files that say how it is built.
    """

    name: str
    path: Path
    family: str
    owner: str
    login_user: str
    architecture: str
    virtual_size_gib: int
    created: str
    description: str
    recipe: str

    @property
    def age_days(self) -> float:
        """Days since it was built."""
        return (datetime.now(timezone.utc) - datetime.fromisoformat(self.created)).total_seconds() / 86400


def folder() -> Path:
    """Where the cache keeps base images; created if absent."""
    place = cache_dir() / "base"
    place.mkdir(exist_ok=True)
    return place


def image_name(family: str, created: datetime) -> str:
    """The name in the manner of Debian's AMIs: "debian-13-amd64-20261123-1130"."""
    return f"{family}-amd64-{created:%Y%m%d-%H%M}"


def free_name(family: str, created: datetime) -> str:
    """That name, or the next minute's while it is taken: clouds stand on the image that has it."""
    while (folder() / f"{image_name(family, created)}.qcow2").exists():
        created += timedelta(minutes=1)
    return image_name(family, created)


def family_for(name_filter: str) -> str | None:
    """The family an AMI name filter asks for ("debian-13-amd64-*" → "debian-13"); None if none can match."""
    return next((family for family in FAMILIES if _may_match(name_filter, family)), None)


def _may_match(name_filter: str, family: str) -> bool:
    sample = image_name(family, datetime(2026, 1, 1, tzinfo=timezone.utc))
    return name_filter.startswith(f"{family}-") or fnmatch.fnmatchcase(sample, name_filter)


def cached() -> list[BaseImage]:
    """Every base image in the cache, the oldest first.

    Sidecars that cannot be read, or have lost their image, are passed over.
    """
    images = [image for sidecar in folder().glob("*.json") if (image := _read(sidecar)) is not None]
    return sorted(images, key=lambda image: (image.created, image.name))


def newest(family: str) -> BaseImage | None:
    """The newest cached image of a family."""
    return next((image for image in reversed(cached()) if image.family == family), None)


def publish(image: BaseImage, built: Path) -> BaseImage:
    """Move a finished qcow2 into the cache, read-only, and write its sidecar.

    Both appear whole or not at all.
    """
    built.chmod(0o444)
    built.replace(image.path)
    fields = {key: value for key, value in asdict(image).items() if key != "path"}
    sidecar = built.with_suffix(".json")
    sidecar.write_text(json.dumps(fields, indent=2) + "\n")
    os.sync()
    sidecar.replace(image.path.with_suffix(".json"))
    return image


def _read(sidecar: Path) -> BaseImage | None:
    disk = sidecar.with_suffix(".qcow2")
    try:
        image = BaseImage(path=disk, **json.loads(sidecar.read_text()))
        datetime.fromisoformat(image.created)
    except (OSError, ValueError, TypeError) as error:
        _log.warning("passing over %s: %s", sidecar, error)
        return None
    return image if disk.exists() else None
