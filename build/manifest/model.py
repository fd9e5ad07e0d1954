"""The manifest as everything below this room sees it: validated, profiles applied, provisioners found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from build.errors import ManifestError, UserError
from build.manifest.packages import lockfile_format
from build.manifest.provisioners.definition import ProvisionerUse
from build.manifest.schema import Base, Builder, Hub, Image, Launch, Layers, Publish, Python, Retention, Tests
from build.manifest.yaml.nodes import KeyPath, Node, place_of

_FEW = 5
_KEY = re.compile(r"([a-z_]+)(?:\.[a-z_]+)*(?=: )")


@dataclass(frozen=True)
class Manifest:
    """One image to build. `profiles` are the overlays applied, in order; paths are absolute.

    `unlocked` are packages of which a build would take the newest that fit, for want of a lock. `tree` is
    what it was read from.
    """

    path: Path
    profiles: tuple[str, ...]
    image: Image
    cloud: Literal["local", "aws"]
    region: str
    base: Base
    builder: Builder
    python: Python
    hub: Hub
    provisioners: tuple[ProvisionerUse, ...]
    tests: Tests
    publish: Publish
    retention: Retention
    layers: Layers
    launch: Launch
    tree: Node = field(repr=False, compare=False)
    unlocked: tuple[str, ...] = ()

    def problem(self, path: KeyPath, message: str) -> ManifestError:
        """What turned out to be wrong with the value at `path` when it was used, with its place."""
        return ManifestError([place_of(self.tree, path).problem(path, message)])

    @contextmanager
    def located(self) -> Iterator[None]:
        """Give a UserError whose message begins with a key of the manifest (`builder.vpc_id: …`) the place of
        that key.
        """
        try:
            yield
        except UserError as exc:
            found = _KEY.match(exc.message)
            if found and found[1] in self.__dataclass_fields__ and exc.where in (None, str(self.path)):
                mark = place_of(self.tree, tuple(found[0].split(".")))
                exc.where = f"{mark.file}:{mark.line}:{mark.column}" if mark.line else mark.file
            raise

    @property
    def folder(self) -> Path:
        """Where the manifest is: provisioners/ and the image tests are looked up beside it."""
        return self.path.parent

    @property
    def tests_folder(self) -> Path:
        """Where the image tests are."""
        return self.folder / self.tests.folder

    @property
    def lock_path(self) -> Path:
        """Where the lock of the users' packages is, if there is one."""
        return lockfile_format.path_beside(self.path)

    @property
    def not_reproducible(self) -> str | None:
        """Why a build of it cannot be repeated exactly; None where all it installs for users is pinned."""
        if not self.unlocked:
            return None
        some = ", ".join(self.unlocked[:_FEW]) + (
            f" and {len(self.unlocked) - _FEW} more" if len(self.unlocked) > _FEW else ""
        )
        return (
            f"not reproducible: each build takes the newest of {some} that fits; `invoke lock` pins what "
            "is installed"
        )

    @property
    def ssm_parameter(self) -> str | None:
        """Name of the Systems Manager parameter that gets the id of an image that passed, or None."""
        return fill_in(self.publish.ssm_parameter, self.image.name, self.publish.channel)


def fill_in(template: str | None, image: str, channel: str) -> str | None:
    """The template with {image} and {channel} replaced."""
    return template.replace("{image}", image).replace("{channel}", channel) if template else None
