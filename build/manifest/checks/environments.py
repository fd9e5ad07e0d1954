"""Rules of the environments for everybody: their names, and what needs conda."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from build.manifest.schema import WITH_CONDA, ManifestFile
from build.manifest.schema.distributions import channel_problem
from build.manifest.yaml.nodes import KeyPath

Finding = tuple[KeyPath, str]

_TAKEN: Mapping[str, str] = {
    "python3": "the kernel of /opt/anaconda",
    "base": "conda's name for /opt/anaconda",
    "root": "conda's older name for /opt/anaconda",
}


def names(settings: ManifestFile) -> Iterator[Finding]:
    """Names that are taken, or there twice."""
    seen: set[str] = set()
    for index, environment in enumerate(settings.python.environments):
        path: KeyPath = ("python", "environments", index, "name")
        if environment.name in _TAKEN:
            yield path, f"{environment.name} is {_TAKEN[environment.name]}: choose another name"
        elif environment.name in seen:
            yield path, f"{environment.name} is there twice"
        seen.add(environment.name)


def needs(settings: ManifestFile) -> Iterator[Finding]:
    """What needs conda, where there is none."""
    if settings.python.distribution in WITH_CONDA:
        return
    for index, environment in enumerate(settings.python.environments):
        for key in ("file", "conda_packages", "channels"):
            if getattr(environment, key):
                yield (
                    ("python", "environments", index, key),
                    "needs conda, which a venv has not: take distribution miniforge, or name packages",
                )


def channels(settings: ManifestFile) -> Iterator[Finding]:
    """Channels under Anaconda's terms, as of python.channels; and channels of what conda does not make."""
    for index, environment in enumerate(settings.python.environments):
        path: KeyPath = ("python", "environments", index, "channels")
        for number, channel in enumerate(environment.channels):
            if complaint := channel_problem(channel, settings.python):
                yield (*path, number), complaint
        if environment.channels and not (environment.conda_packages or environment.file):
            yield path, "are asked for conda_packages, and there are none"
