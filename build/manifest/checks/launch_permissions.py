"""Rules of publish.launch_permissions: what EC2 or a licence would refuse at the end, refused before."""

from __future__ import annotations

from collections.abc import Iterator

from build.manifest.schema import ManifestFile
from build.manifest.schema.distributions import LICENCES
from build.manifest.yaml.nodes import KeyPath

_AT: KeyPath = ("publish", "launch_permissions")


def problems(settings: ManifestFile) -> Iterator[tuple[KeyPath, str]]:
    """Everything that keeps the image from being shared as the manifest says."""
    wanted, volume = settings.publish.launch_permissions, settings.builder.root_volume
    public: KeyPath = (*_AT, "user_groups")
    if wanted.is_public and settings.python.distribution == "anaconda":
        yield (
            public,
            "would give Anaconda to everybody, which its terms keep for those who have a licence for "
            f"that ({LICENCES}):"
            " keep the image private, or take python.distribution: miniforge",
        )
    if wanted.is_public and volume.encrypted:
        yield (
            public,
            (
                "EC2 makes no encrypted image public: set builder.root_volume.encrypted: false, or share it "
                "with accounts (user_ids)"
            ),
        )
    elif wanted.named and volume.encrypted and not volume.kms_key_id:
        yield (
            _AT,
            "EC2 does not share what AWS's own key has encrypted: name a key of yours that those "
            "accounts may use"
            " (builder.root_volume.kms_key_id), or set builder.root_volume.encrypted: false",
        )
