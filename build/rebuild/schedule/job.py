"""What a scheduled run does: the same commands whoever keeps the time."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from build.rebuild.schedule.weekly_time import WeeklyTime

REPOSITORY = Path(__file__).resolve().parents[3]
SETUP = "make .venv/.runtime"
"""What a fresh checkout needs to reach AWS; the local cloud's host packages are not part of it."""
INVOKE = ".venv/bin/invoke"
LIMIT_MINUTES = 240
"""A runner ends a run that takes longer; its credentials have to last as long."""
KEPT = (
    "HUBSMITH_STATE", "HUBSMITH_CACHE", "HUBSMITH_CLOUD_PORT", "AWS_PROFILE", "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY",
)  # fmt: skip
"""Variables of the user who schedules that decide what a run works on."""


@dataclass(frozen=True)
class Job:
    """When and what.

    ``options`` choose the manifest and the cloud, for every command; ``max_age`` is for rebuild alone.

    With ``check`` nothing is built: the run fails (exit code 3) when a build is due.
    """

    image: str
    when: WeeklyTime
    options: tuple[str, ...]
    max_age: str = ""
    prune: bool = False
    check: bool = False

    @property
    def name(self) -> str:
        """For units, stacks and markers: letters, digits and dashes."""
        return "hubsmith-rebuild-" + (re.sub(r"[^A-Za-z0-9]+", "-", self.image).strip("-") or "image")

    def commands(self, *more: str) -> list[list[str]]:
        """The commands in order, each only if the one before it was fine. ``more`` are options of rebuild."""
        age = ["--max-age", self.max_age] if self.max_age else []
        rebuild = ["rebuild", *(["--check"] if self.check else []), "--scheduled", *age, *more, *self.options]
        return [rebuild, ["prune", "--yes", "--scheduled", *self.options]] if self.prune else [rebuild]

    def lines(self, invoke: str, *more: str) -> list[str]:
        """The same for a shell."""
        return [f"{invoke} {shlex.join(command)}" for command in self.commands(*more)]


def environment() -> dict[str, str]:
    """The variables of KEPT that are set, files and folders as absolute paths."""
    return {name: os.environ[name] for name in KEPT if os.environ.get(name)}
