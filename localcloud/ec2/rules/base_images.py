"""The base images of the cache as AMIs: each has an id made from its name, another one in each region."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime, timezone

from build.aws.publishers import why_not
from build.aws.regions import partition_of
from build.errors import MachineError
from localcloud import base_image
from localcloud.base_image import BaseImage
from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.models import BlockDevice, LocalAmi, LocalSnapshot, SourceVolume

_log = logging.getLogger("hubsmith.localcloud.images")

ROOT_DEVICE = "/dev/xvda"  # Debian's own AMIs name it so


FIRST_REGION = "us-east-1"


def ids(name: str, region: str = FIRST_REGION) -> tuple[str, str]:
    """(image id, snapshot id) of the base image of that name in a region."""
    # Ids without a region are those of earlier states, which had no other region.
    text = name if region == FIRST_REGION else f"{name} {region}"
    digest = hashlib.sha256(text.encode()).hexdigest()[:17]
    return f"ami-{digest}", f"snap-{digest}"


def register_cached(backend: LocalBackend) -> None:
    """Register the base images that have appeared in the cache; the lock is held."""
    partition = partition_of(backend.region_name)
    for base in base_image.cached():
        if why_not(base.owner, partition):
            continue
        if ids(base.name, backend.region_name)[0] not in backend.amis:
            try:
                _register(backend, base)
            except MachineError:
                _log.exception("%s cannot be registered", base.name)


def _register(backend: LocalBackend, base: BaseImage) -> None:
    image_id, snapshot_id = ids(base.name, backend.region_name)
    layers, (_, layer) = backend.host.layers, ids(base.name)  # one for all regions
    if not layers.path(layer).exists():
        layers.import_base(layer, base.path)
    created = (
        datetime.fromisoformat(base.created.replace("Z", "+00:00"))
        .astimezone(timezone.utc)
        .replace(tzinfo=None)
    )
    snapshot = LocalSnapshot(
        backend,
        snapshot_id,
        SourceVolume("vol-ffffffff", base.virtual_size_gib),
        base.description,
        owner_id=base.owner,
    )
    snapshot.start_time = created
    snapshot.complete(layer)
    backend.snapshots[snapshot_id] = snapshot
    image = LocalAmi(
        backend,
        image_id,
        base.name,
        (BlockDevice(ROOT_DEVICE, snapshot_id, base.virtual_size_gib),),
        ROOT_DEVICE,
    )
    image.owner_id = base.owner
    image.image_location = f"{base.owner}/{base.name}"
    image.architecture = base.architecture
    image.description = base.description
    image.creation_date = created
    image.launch_permissions = [{"Group": "all"}]
    image.state = "available"
    image.add_tags({"LoginUser": base.login_user})
    backend.amis[image_id] = image
    _log.info("%s is %s", base.name, image_id)
