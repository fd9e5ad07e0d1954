"""Where failures in a row are remembered: in a file until the manifest and its cloud are known, then beside the image.

Runners in a cloud keep no files, so what counts in the long run is a Systems Manager parameter. A manifest that cannot be read names
none, and without credentials none can be asked: that is what the file is for.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from botocore.exceptions import ClientError

from build import paths
from build.aws.errors import code_of
from build.aws.session import Clients
from build.bake.inputs import fingerprint
from build.rebuild.attempts import Attempts


class Memory(Protocol):
    """Of the scheduled runs of one image, or of one command line."""

    def read(self) -> Attempts:
        """What was remembered last; nothing where that cannot be read."""

    def write(self, attempts: Attempts) -> None:
        """Remember it."""


class Nowhere:
    """For a run by hand."""

    def read(self) -> Attempts:
        """Nothing."""
        return Attempts()

    def write(self, attempts: Attempts) -> None:
        """Forget it."""


@dataclass(frozen=True)
class File:
    """On this machine, for one command line: ``words`` are what tells it from others."""

    words: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where it is."""
        return paths.state_dir() / f"rebuild-{fingerprint.digest(list(self.words))[:16]}.failures"

    def read(self) -> Attempts:
        """Nothing for somebody else's writing."""
        try:
            return _parsed(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Attempts()

    def write(self, attempts: Attempts) -> None:
        """On a full disk it is not: then the failure is said once more."""
        with suppress(OSError):
            self.path.write_text(json.dumps(asdict(attempts)), encoding="utf-8")


@dataclass(frozen=True)
class Parameter:
    """In the account that builds the image. Raises what botocore raises."""

    clients: Clients
    image: str

    def read(self) -> Attempts:
        """Nothing where there is no such parameter."""
        try:
            return _parsed(self.clients.ssm.get_parameter(Name=self._name)["Parameter"]["Value"])
        except ClientError as exc:
            if code_of(exc) != "ParameterNotFound":
                raise
        return Attempts()

    def write(self, attempts: Attempts) -> None:
        """In the place of what was there."""
        value = json.dumps(asdict(attempts))
        self.clients.ssm.put_parameter(
            Name=self._name, Value=value, Type="String", Overwrite=True, Description="hubsmith: scheduled rebuilds"
        )

    @property
    def _name(self) -> str:
        return f"/hubsmith/{self.image}/rebuild"


def _parsed(text: str) -> Attempts:
    try:
        return Attempts(**json.loads(text))
    except (ValueError, TypeError):
        return Attempts()
