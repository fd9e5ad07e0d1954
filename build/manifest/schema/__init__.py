"""What can be written into manifest.yaml: the sections, their defaults and what each key means.

Units are in the names: _gib, _s (seconds), _minutes. An absent key has the default written here.
The types of single values are in fields.py, their rules in *_rules.py. Rules between keys of a section stand
at its end; rules between sections are in ../checks/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from build.manifest.schema import fields as f
from build.manifest.schema.contents import (
    WITH_CONDA,
    Checksums,
    Distribution,
    Hub,
    Installer,
    Installers,
    ProvisionerEntry,
    Provisioners,
    Python,
)
from build.manifest.schema.environments import SharedEnvironment
from build.manifest.schema.fields import Section
from build.manifest.schema.machine import (
    ARCH,
    DEBIAN_OWNER,
    Arch,
    Base,
    Builder,
    Mirrors,
    RootVolume,
    Timeouts,
)
from build.manifest.schema.result import (
    DataVolume,
    Launch,
    LaunchPermissions,
    Layers,
    Publish,
    Retention,
    Tests,
)

__all__ = [
    "ARCH",
    "CLOUDS",
    "DEBIAN_OWNER",
    "WITH_CONDA",
    "Arch",
    "Base",
    "Builder",
    "Checksums",
    "DataVolume",
    "Distribution",
    "Hub",
    "Image",
    "Installer",
    "Installers",
    "Launch",
    "LaunchPermissions",
    "Layers",
    "ManifestFile",
    "Mirrors",
    "ProvisionerEntry",
    "Provisioners",
    "Publish",
    "Python",
    "Retention",
    "RootVolume",
    "SharedEnvironment",
    "Tests",
    "Timeouts",
]

CLOUDS = ("local", "aws")


class Image(Section):
    """The image to make."""

    name: f.ImageName = Field(description="What the image is called; the time of the build is added to it")
    description: f.Description = Field(default="", description="Shown by EC2 beside the image")
    tags: f.Tags = Field(default={}, description="Tags to put on the image and its snapshots")


def _debian() -> Base:
    return Base(owner=DEBIAN_OWNER, name="debian-13-amd64-*")


class ManifestFile(Section):
    """Hubsmith's manifest.yaml."""

    image: Image = Field(description="What the image is called and how it is described")
    cloud: Literal["local", "aws"] = Field(
        default="local", description="Where to build: in the local cloud on this machine, or on AWS"
    )
    region: f.Region = Field(default="us-east-1", description="AWS region")
    base: Base = Field(default_factory=_debian, description="The image to start from")
    builder: Builder = Field(
        default_factory=Builder, description="The temporary instance on which the image is built"
    )
    python: Python = Field(default_factory=Python, description="The users' Python environment")
    hub: Hub = Field(default_factory=Hub, description="JupyterHub's settings")
    provisioners: Annotated[Provisioners, Field(min_length=1)] = Field(
        description="What is installed, in order"
    )
    tests: Tests = Field(default_factory=Tests, description="The image tests")
    publish: Publish = Field(
        default_factory=Publish, description="What happens with an image that has passed its tests"
    )
    retention: Retention = Field(default_factory=Retention, description="Which images `prune` keeps")
    layers: Layers = Field(default_factory=Layers, description="Snapshots that later builds start from")
    launch: Launch = Field(default_factory=Launch, description="Defaults of a launch")
    profiles: Annotated[Mapping[str, Mapping[str, Any]], f.Frozen, f.Thawed] = Field(
        default={},
        description="Overrides: the one named after the cloud is applied automatically, others by --profile",
    )
