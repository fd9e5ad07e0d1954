"""The lock beside a manifest: exactly which packages /opt/anaconda gets, and what they were worked out from.

    version: 1
    packages:
      venv:                   a distribution
        x86_64:               the processors, as uname -m has them
          made_of: {…}        what the manifest asked for; a build that asks for something else is refused
          conda: |            channel/subdir/file#sha256:…, as conda's @EXPLICIT has it, without the
                              address in front of channels
          pip: |              name==version with the sha256 of its files, as pip reads it
          environments:
            course:           made_of, conda and pip of an environment for everybody
    profiles:
      local+big:              the same for a manifest with these profiles applied, in order; without any
                              it is above
        venv: …

`invoke lock` writes it (build/lock/); what a build does with it is in lockfile.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from build.errors import Problem
from build.manifest.schema import Arch, Distribution
from build.manifest.schema import fields as f
from build.manifest.schema.fields import Section
from build.manifest.yaml.files import read
from build.manifest.yaml.messages import validate
from build.manifest.yaml.nodes import KeyPath, MapNode

CONDA_ENTRY = re.compile(
    r"(?P<package>\S+/(noarch|linux-\w+)/[^\s/#]+\.(conda|tar\.bz2))#sha256:[0-9a-f]{64}\n"
)
PIP_ENTRY = re.compile(
    r"(?P<name>[\w.-]+)( @ |==)(?P<version>\S+)(?P<marker> ; [^\\\n]+)?"
    r"( \\\n    --hash=sha256:[0-9a-f]{64})+\n"
)


def _only(entry: re.Pattern[str]) -> Callable[[str], str | None]:
    """Text that consists of such entries; a conflict of git or a package without a hash is none."""

    def rule(text: str) -> str | None:
        at = 0
        while at < len(text):
            found = entry.match(text, at)
            if found is None:
                return f"has something that `invoke lock` did not write: {text[at:].splitlines()[0]}"
            at = found.end()
        return None

    return rule


class LockInputs(Section):
    """What decides which packages it has to be."""

    python: str = Field(description="The oldest Python it is to hold for")
    hub_version: str | None = Field(
        default=None, description="Of JupyterHub, if it is not the provisioner's own"
    )
    channels: tuple[str, ...] = ()
    conda_packages: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    provisioner: str = Field(
        description="Digest of what the provisioner installs in any case, and of its own pins"
    )


class EnvironmentInputs(Section):
    """What decides which packages an environment for everybody has to have, beside the Python."""

    channels: tuple[str, ...] = ()
    conda_packages: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


class _Packages(Section):
    conda: Annotated[str, f.checked(_only(CONDA_ENTRY))] = ""
    pip: Annotated[str, f.checked(_only(PIP_ENTRY))] = ""

    @property
    def _texts(self) -> dict[str, str]:
        return {name: text for name, text in (("conda", self.conda), ("pip", self.pip)) if text}


class EnvironmentPins(_Packages):
    """The packages of an environment for everybody, for one kind of processors."""

    made_of: EnvironmentInputs


class Pins(_Packages):
    """The packages for one kind of processors."""

    made_of: LockInputs
    environments: Mapping[f.KernelName, EnvironmentPins] = {}

    @property
    def lock_files(self) -> dict[str, str]:
        """The texts for the provisioner, by the name of the package manager that reads them.

        In front of the name is ``environments/NAME/`` where they are of an environment for everybody.
        """
        others = {
            f"environments/{name}/{manager}": text
            for name, pins in self.environments.items()
            for manager, text in pins._texts.items()
        }
        return {**self._texts, **others}


Packages = Mapping[Distribution, Mapping[Arch, Pins]]


class Lock(Section):
    """The whole file."""

    version: Literal[1] = 1
    packages: Mapping[Distribution, Mapping[Arch, Pins]] = {}
    profiles: Mapping[str, Packages] = {}

    def sections(self) -> Iterator[tuple[KeyPath, Packages]]:
        """Each section, with where it is in the file."""
        yield ("packages",), self.packages
        yield from ((("profiles", name), packages) for name, packages in self.profiles.items())

    def section(self, profiles: Sequence[str]) -> Packages:
        """What is locked for a manifest with these profiles."""
        return self.profiles.get(named(profiles), {}) if profiles else self.packages

    def with_section(self, profiles: Sequence[str], packages: Packages) -> Lock:
        """The lock with another section for a manifest with these profiles."""
        if not profiles:
            return Lock(packages=packages, profiles=self.profiles)
        return Lock(packages=self.packages, profiles={**self.profiles, named(profiles): packages})


def named(profiles: Sequence[str]) -> str:
    """What the section of these profiles is called."""
    return "+".join(profiles)


def path_beside(manifest: Path) -> Path:
    """Where the lock of a manifest is."""
    return manifest.with_suffix(".lock")


def load(path: Path) -> tuple[Lock | None, MapNode | None, tuple[Problem, ...]]:
    """The lock and the tree it was read from, if there is one, and what is wrong with it. Raises OSError."""
    if not path.is_file():
        return None, None, ()
    tree, problems = read(path)
    if tree is None or problems:
        return None, tree, problems
    lock, wrong = validate(tree, Lock)
    return lock, tree, wrong
