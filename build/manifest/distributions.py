"""Rules of the users' Python: what each distribution needs and uses, and the terms of Anaconda."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from build.manifest.pins import ARCH, Arch
from build.manifest.positions import KeyPath
from build.manifest.schema import WITH_CONDA, ManifestFile, Python

TERMS = "https://www.anaconda.com/legal/terms/terms-of-service"
LICENCES = "https://www.anaconda.com/pricing/terms-of-service-faqs"
Finding = tuple[KeyPath, str]


def problems(settings: ManifestFile) -> Iterator[Finding]:
    """Everything that keeps python.distribution from being installed as the manifest says."""
    yield from _channels(settings)
    yield from _installer(settings) if settings.python.distribution in WITH_CONDA else _without_conda(settings)


def terms(settings: ManifestFile) -> Iterator[Finding]:
    """What has to be accepted before anything is built."""
    if settings.python.distribution == "anaconda" and not settings.python.accept_terms:
        yield (
            ("python", "accept_terms"),
            f"should be true, set by you, once you have accepted Anaconda's terms of service ({TERMS}): organisations of 200 people or more"
            " need a licence, and so does everybody who gives Anaconda to others, as a shared image does."
            " python.distribution: miniforge needs neither",
        )


def used(values: Mapping[str, object], arch: Arch) -> dict[str, object]:
    """The values of a provisioner that says `lock:`, without what its distribution, on these processors, does not read.

    What is left decides the fingerprint: a new pin of another distribution's installer, or for other processors, makes no other image.
    """
    distribution, installers = values.get("distribution"), values.get("installers")
    if distribution not in WITH_CONDA:
        return {name: _NOTHING.get(name, value) for name, value in values.items()}
    if not isinstance(installers, Mapping):
        return dict(values)
    return {**values, "installers": {distribution: _release(installers.get(distribution), arch)}}


_NOTHING: Mapping[str, object] = {"accept_terms": False, "channels": (), "conda_packages": (), "installers": {}}
"""What of these variables there is for a distribution without conda."""


def _release(installer: object, arch: Arch) -> object:
    """An installer with the checksum that it is going to be compared with, and no other."""
    checksums = installer.get("sha256") if isinstance(installer, Mapping) else None
    if not isinstance(installer, Mapping) or not isinstance(checksums, Mapping):
        return installer
    return {**installer, "sha256": {name: digest for name, digest in checksums.items() if name == arch}}


def _channels(settings: ManifestFile) -> Iterator[Finding]:
    """`defaults` and repo.anaconda.com have Anaconda's terms, whichever conda asks them."""
    for index, channel in enumerate(settings.python.channels):
        if complaint := channel_problem(channel, settings.python):
            yield ("python", "channels", index), complaint


def channel_problem(channel: str, python: Python) -> str | None:
    """Why conda may not be told to ask this channel, or None."""
    if (channel == "defaults" or "repo.anaconda.com" in channel) and not (python.distribution == "anaconda" and python.accept_terms):
        return f"{channel} comes under Anaconda's terms of service ({TERMS}): it needs distribution anaconda and accept_terms true"
    return None


def _without_conda(settings: ManifestFile) -> Iterator[Finding]:
    if settings.python.conda_packages:
        yield ("python", "conda_packages"), "needs conda, which a venv has not: take distribution miniforge, or put them into packages"
    if settings.python.environment:
        yield ("python", "environment"), "needs conda, which a venv has not: take distribution miniforge, or name a requirements.txt"


def _installer(settings: ManifestFile) -> Iterator[Finding]:
    distribution = settings.python.distribution
    installer = getattr(settings.python.installers, distribution)
    if installer is None:
        yield ("python", "installers", distribution), f"is needed for distribution {distribution}: version, urls and sha256"
        return
    arch = ARCH[settings.base.architecture]
    if getattr(installer.sha256, arch) is None:
        yield ("python", "installers", distribution, "sha256"), f"has none for {arch}, which base.architecture asks for"
