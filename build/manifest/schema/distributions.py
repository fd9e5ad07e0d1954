"""The distributions of the users' Python: what each reads of the manifest, and its channels' terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from build.manifest.schema import environments
from build.manifest.schema.contents import WITH_CONDA, Python
from build.manifest.schema.machine import Arch

TERMS = "https://www.anaconda.com/legal/terms/terms-of-service"
LICENCES = "https://www.anaconda.com/pricing/terms-of-service-faqs"


def used(values: Mapping[str, object], arch: Arch, always: Sequence[str] = ()) -> dict[str, object]:
    """The values of a provisioner that says `lock:`, but those that its distribution does not read here.

    What is left decides the fingerprint: a new pin of another distribution's installer, or for other
    processors, makes no other image. Environments for everybody are complete: ``always`` is in each of them.
    """
    values = {**values, **_environments(values, always)}
    distribution, installers = values.get("distribution"), values.get("installers")
    if distribution not in WITH_CONDA:
        return {name: _NOTHING.get(name, value) for name, value in values.items()}
    if not isinstance(installers, Mapping):
        return dict(values)
    return {**values, "installers": {distribution: _release(installers.get(distribution), arch)}}


def _environments(values: Mapping[str, object], always: Sequence[str]) -> dict[str, object]:
    """The variable environments, if there is one, with all that is installed into each of them."""
    if not values.get("environments"):
        return {}
    channels = cast(Sequence[str], values.get("channels") or ())
    given = cast(Sequence[Mapping[str, object]], values["environments"])
    return {"environments": [environments.complete(each, channels, always) for each in given]}


_NOTHING: Mapping[str, object] = {
    "accept_terms": False,
    "channels": (),
    "conda_packages": (),
    "installers": {},
}
"""What of these variables there is for a distribution without conda."""


def _release(installer: object, arch: Arch) -> object:
    """An installer with the checksum that it is going to be compared with, and no other."""
    checksums = installer.get("sha256") if isinstance(installer, Mapping) else None
    if not isinstance(installer, Mapping) or not isinstance(checksums, Mapping):
        return installer
    return {**installer, "sha256": {name: digest for name, digest in checksums.items() if name == arch}}


def channel_problem(channel: str, python: Python) -> str | None:
    """Why conda may not be told to ask this channel, or None."""
    if (channel == "defaults" or "repo.anaconda.com" in channel) and not (
        python.distribution == "anaconda" and python.accept_terms
    ):
        return (
            f"{channel} comes under Anaconda's terms of service ({TERMS}): it needs distribution anaconda "
            "and accept_terms true"
        )
    return None
