"""Rules of the users' Python: what each distribution needs, and the terms of Anaconda."""

from __future__ import annotations

from collections.abc import Iterator

from build.manifest.schema import ARCH, WITH_CONDA, ManifestFile
from build.manifest.schema.distributions import TERMS, channel_problem
from build.manifest.yaml.nodes import KeyPath

Finding = tuple[KeyPath, str]


def needs(settings: ManifestFile) -> Iterator[Finding]:
    """What needs conda, where there is none."""
    if settings.python.distribution not in WITH_CONDA:
        yield from _without_conda(settings)


def installers(settings: ManifestFile) -> Iterator[Finding]:
    """What is missing of the distribution's installer."""
    if settings.python.distribution in WITH_CONDA:
        yield from _installer(settings)


def terms(settings: ManifestFile) -> Iterator[Finding]:
    """What has to be accepted before anything is built."""
    if settings.python.distribution == "anaconda" and not settings.python.accept_terms:
        yield (
            ("python", "accept_terms"),
            "should be true, set by you, once you have accepted Anaconda's terms of service "
            f"({TERMS}): organisations of 200 people or more"
            " need a licence, and so does everybody who gives Anaconda to others, as a shared image does."
            " python.distribution: miniforge needs neither",
        )


def channels(settings: ManifestFile) -> Iterator[Finding]:
    """`defaults` and repo.anaconda.com have Anaconda's terms, whichever conda asks them."""
    for index, channel in enumerate(settings.python.channels):
        if complaint := channel_problem(channel, settings.python):
            yield ("python", "channels", index), complaint


def _without_conda(settings: ManifestFile) -> Iterator[Finding]:
    if settings.python.conda_packages:
        yield (
            ("python", "conda_packages"),
            "needs conda, which a venv does not have: use distribution miniforge, or put them into packages",
        )
    if settings.python.environment:
        yield (
            ("python", "environment"),
            "needs conda, which a venv does not have: use distribution miniforge, or name a requirements.txt",
        )


def _installer(settings: ManifestFile) -> Iterator[Finding]:
    distribution = settings.python.distribution
    installer = getattr(settings.python.installers, distribution)
    if installer is None:
        yield (
            ("python", "installers", distribution),
            f"is needed for distribution {distribution}: version, urls and sha256",
        )
        return
    arch = ARCH[settings.base.architecture]
    if getattr(installer.sha256, arch) is None:
        yield (
            ("python", "installers", distribution, "sha256"),
            f"has none for {arch}, which base.architecture asks for",
        )
