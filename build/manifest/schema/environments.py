"""Environments for everybody beside /opt/anaconda, and what each of them has in any case."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

from pydantic import Field, model_validator

from build.manifest.schema import fields as f
from build.manifest.schema.fields import Section

_NAME = re.compile(r"(?:[\w./:+-]+::)?(?P<name>[A-Za-z0-9_][\w.-]*)")
"""The name at the beginning of a package as pip or conda takes it."""
_PYTHON = "python"


class SharedEnvironment(Section):
    """An environment for everybody, /opt/anaconda/envs/NAME, offered as a kernel of its name."""

    name: f.KernelName = Field(description="What the environment and its kernel are called")
    packages: f.Packages = Field(default=(), description="What it holds besides ipykernel, as pip takes it")
    conda_packages: f.CondaPackages = Field(
        default=(), description="What conda installs into it, with miniforge and anaconda"
    )
    channels: f.MoreCondaChannels = Field(
        default=(), description="Where conda looks for them before python.channels"
    )
    file: f.RelativeFile | None = Field(
        default=None,
        description="An environment.yml beside the manifest with more of all three, with miniforge and "
        "anaconda",
    )

    @model_validator(mode="after")
    def _says_what_is_in_it(self) -> SharedEnvironment:
        if not (self.packages or self.conda_packages or self.file):
            raise ValueError("needs packages, or the file of an environment.yml")
        return self

    @property
    def needs_conda(self) -> bool:
        """Whether conda makes it; else it is a virtual environment of the Python in /opt/anaconda."""
        return bool(self.conda_packages or self.channels or self.file)


def complete(
    environment: Mapping[str, object], channels: Sequence[str], always: Sequence[str]
) -> dict[str, object]:
    """What is installed into it: its name and packages, with those of ``always`` that it does not name.

    An environment of conda has Python too, and the ``channels`` behind its own. What has nothing in it is
    left out.
    """
    packages, conda = _texts(environment, "packages"), _texts(environment, "conda_packages")
    named = {package_name(text) for text in (*packages, *conda)}
    missing = [name for name in always if name not in named]
    if conda:
        python = [] if _PYTHON in map(package_name, conda) else [_PYTHON]
        conda = (*python, *missing, *conda)
        channels = tuple(dict.fromkeys((*_texts(environment, "channels"), *channels)))
    else:
        packages, channels = (*missing, *packages), ()
    found = {"channels": channels, "conda_packages": conda, "packages": packages}
    return {"name": environment["name"], **{key: value for key, value in found.items() if value}}


def package_name(text: str) -> str:
    """The name in a package as pip or conda takes it, as indexes compare names (PEP 503)."""
    found = _NAME.match(text)
    return re.sub(r"[-_.]+", "-", found["name"] if found else text).lower()


def _texts(environment: Mapping[str, object], key: str) -> tuple[str, ...]:
    return tuple(cast(Sequence[str], environment.get(key) or ()))
