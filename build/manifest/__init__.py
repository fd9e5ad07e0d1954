"""manifest.yaml and provisioner.yaml → frozen, validated values; each mistake with file, line and column.

It reads files and does nothing else: no network, no cloud, no printing.
"""

from build.manifest.load import load
from build.manifest.model import Manifest
from build.manifest.provisioners.definition import Definition, FileMode, Ownership, ProvisionerUse, Variable
from build.manifest.provisioners.resolve import environment, template_variables
from build.manifest.schema import (
    Base,
    Builder,
    DataVolume,
    Hub,
    Image,
    Launch,
    LaunchPermissions,
    Layers,
    ManifestFile,
    Mirrors,
    Publish,
    Python,
    Retention,
    RootVolume,
    Tests,
    Timeouts,
)

__all__ = [
    "Base",
    "Builder",
    "DataVolume",
    "Definition",
    "FileMode",
    "Hub",
    "Image",
    "Launch",
    "LaunchPermissions",
    "Layers",
    "Manifest",
    "ManifestFile",
    "Mirrors",
    "Ownership",
    "ProvisionerUse",
    "Publish",
    "Python",
    "Retention",
    "RootVolume",
    "Tests",
    "Timeouts",
    "Variable",
    "environment",
    "load",
    "template_variables",
]
