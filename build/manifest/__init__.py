"""manifest.yaml and provisioner.yaml → frozen, validated values; every mistake with its file, line and column.

    load.py          layers (file, profiles, --set), everything checked, Manifest or ManifestError: read this first
    model.py         Manifest: what the other rooms get
    schema/          the sections of manifest.yaml, their defaults and meaning
    definition.py    provisioner.yaml, and a provisioner in use
    provisioners.py  the provisioners listed and their values; the values as environment and as template variables
    folders.py       one provisioner folder, checked
    rules.py         rules between sections
    distributions.py those of the users' Python: installers, channels, terms; which values a distribution uses
    sharing.py       those of who else may launch the image
    package_files.py the packages of environment.yml and requirements.txt, added to the manifest's own
    environment_yml.py, requirements.py    reading those files
    pins.py          the lock of the users' packages, as it is written
    lockfile.py      is it of this manifest? what does it give the provisioner?
    fields.py        rules of single values
    frozen.py        values nobody can change
    overlay.py       laying trees over each other
    positions.py     YAML as a tree with the place of every key and value
    parse.py         reading that tree
    words.py         errors in plain words
    sources.py       reading files

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
