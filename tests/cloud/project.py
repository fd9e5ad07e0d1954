"""A copy of the tiny project that a test may change, and the commands of upkeep on it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cloud.invoke_runner import TINY, Done, InvokeRunner, Running


@dataclass(frozen=True)
class Project:
    """A manifest with its provisioners and tests, in a folder of its own."""

    folder: Path
    runner: InvokeRunner
    profile: tuple[str, ...] = ()

    @classmethod
    def copy(cls, folder: Path, runner: InvokeRunner, image: str, *profile: str) -> Project:
        """The tiny project with another image name, so that tests do not see each other's images."""
        shutil.copytree(TINY.parent, folder)
        project = cls(folder, runner, profile)
        project.edit("manifest.yaml", "name: greeting, description", f"name: {image}, description")
        return project

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text in a file."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def invoke(self, command: str, *arguments: str) -> Done:
        """A command on this manifest."""
        return self.runner.invoke(command, *self.options, *arguments)

    def start(self, command: str, *arguments: str) -> Running:
        """Begin a command on it."""
        return self.runner.start(command, *self.options, *arguments)

    @property
    def options(self) -> tuple[str, ...]:
        """What chooses this manifest."""
        return (
            "--manifest",
            str(self.folder / "manifest.yaml"),
            *(word for name in self.profile for word in ("--profile", name)),
        )

    def json(self, command: str, *arguments: str, status: int = 0) -> Any:
        """The JSON document a command prints."""
        done = self.invoke(command, *arguments, "--json")
        assert done.status == status, done.err
        return json.loads(done.out)
