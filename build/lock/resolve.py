"""What to ask the resolvers for: first conda, then pip within what conda has brought."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from build.errors import UserError
from build.lock import conda, pip
from build.manifest import Manifest, ProvisionerUse
from build.manifest.packages import lockfile
from build.manifest.packages.lockfile_format import EnvironmentInputs, EnvironmentPins, Lock, LockInputs, Pins
from build.manifest.schema import ARCH, Arch


def resolve(manifest: Manifest, before: Lock, *, upgrade: bool) -> Lock:
    """The lock with what ``manifest`` asks for now, for its processors and those locked before.

    It goes into the section of the manifest's profiles. Earlier pins are kept where they fit, unless
    ``upgrade``. Raises UserError when nothing in the manifest can be locked or the packages cannot be had,
    HubsmithError when a registry does not answer.
    """
    use = locked_use(manifest)
    distribution, wanted = lockfile.distribution_of(use), lockfile.made_of(use, manifest.base)
    section = before.section(manifest.profiles)
    # A lock of before there were sections has all in the one without profiles.
    earlier = section.get(distribution) or before.packages.get(distribution, {})
    architectures = sorted({ARCH[manifest.base.architecture], *earlier})
    pins = {
        arch: _pins(manifest, use, wanted, arch, None if upgrade else earlier.get(arch))
        for arch in architectures
    }
    return before.with_section(manifest.profiles, {**section, distribution: pins})


def locked_use(manifest: Manifest) -> ProvisionerUse:
    """The provisioner that installs the users' packages. Raises UserError when there is none."""
    for use in manifest.provisioners:
        if use.definition.lock:
            return use
    raise UserError(
        "no provisioner of the manifest installs packages that can be locked", hint="provisioners/python does"
    )


def _pins(
    manifest: Manifest, use: ProvisionerUse, wanted: LockInputs, arch: Arch, earlier: Pins | None
) -> Pins:
    mirrors = manifest.builder.mirrors
    solved = conda.solve(
        wanted.channels,
        wanted.conda_packages,
        arch,
        wanted.python,
        earlier.conda if earlier else "",
        mirrors.conda,
    )
    own, limits = _own(use, wanted.hub_version)
    brought = {record.name: record.version for record in solved if record.is_python}
    pinned = pip.compile(
        [*own, *wanted.packages],
        [*_without(limits, brought), *(f"{name}=={version}" for name, version in brought.items())],
        arch,
        wanted.python,
        before=earlier.pip if earlier else "",
        overrides=lockfile.overrides(use),
        index=mirrors.pypi,
    )
    before = earlier.environments if earlier else {}
    others = {
        name: _environment(manifest, use, asked, (arch, wanted.python), before.get(name))
        for name, asked in lockfile.environments_of(use).items()
    }
    text = "".join(f"{record.entry}\n" for record in solved)
    return Pins(made_of=wanted, conda=text, pip=pinned, environments=others)


def _environment(
    manifest: Manifest,
    use: ProvisionerUse,
    asked: EnvironmentInputs,
    machine: tuple[Arch, str],
    earlier: EnvironmentPins | None,
) -> EnvironmentPins:
    """An environment for everybody, for ``machine``: its processors, and the Python where conda brings none.

    The provisioner's own pins are taken where they fit and bind nobody: another version of something is a
    reason to have an environment.
    """
    mirrors, (arch, python) = manifest.builder.mirrors, machine
    solved = conda.solve(
        asked.channels, asked.conda_packages, arch, None, earlier.conda if earlier else "", mirrors.conda
    )
    for record in solved:
        if record.name == "python":
            python = ".".join(record.version.split(".")[:2])
    own = "".join(f"{line}\n" for line in lockfile.constraints(use))
    pinned = pip.compile(
        asked.packages,
        [f"{record.name}=={record.version}" for record in solved if record.is_python],
        arch,
        python,
        before=earlier.pip if earlier else own,
        index=mirrors.pypi,
    )
    text = "".join(f"{record.entry}\n" for record in solved)
    return EnvironmentPins(made_of=asked, conda=text, pip=pinned)


def _own(use: ProvisionerUse, hub_version: str | None) -> tuple[Sequence[str], Sequence[str]]:
    """What the provisioner always installs and its own pins, with the manifest's version of JupyterHub."""
    own, limits = lockfile.requirements(use), lockfile.constraints(use)
    if hub_version is None:
        return own, limits
    return [*_without(own, ("jupyterhub",)), f"jupyterhub=={hub_version}"], list(
        _without(limits, ("jupyterhub",))
    )


def _without(lines: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    dropped = {plain(name) for name in names}
    return (line for line in lines if plain(re.split(r"[^\w.-]", line, maxsplit=1)[0]) not in dropped)


def plain(name: str) -> str:
    """The name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
