"""Errors a user can act on.

    HubsmithError            something failed                      exit code 1
    ├── UserError            the user's own input is wrong         exit code 2
    │   └── ManifestError    one or more problems in manifest.yaml
    ├── CloudError           an AWS call was refused or timed out
    ├── MachineError         a virtual machine or its host is not able to run
    ├── RemoteError          a command on an instance failed
    └── CleanupError         something temporary could not be removed

The library raises them; only commands/common.py turns them into an exit code, only report.py prints them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


class HubsmithError(Exception):
    """What happened, where (in the user's own file, if it is there) and what to do next."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class UserError(HubsmithError):
    """The input (manifest, option, provisioner folder, environment) has to change."""

    exit_code = 2


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a YAML file; lines and columns count from 1, as editors do."""

    file: str
    line: int
    column: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column} {self.key}: {self.message}"


class ManifestError(UserError):
    """All the problems of a manifest at once, in the order of the file.

    ``about`` has what it says all the same of ``cloud``, ``region`` and ``image`` (the name), as far as it is
    text.
    """

    def __init__(self, problems: Sequence[Problem], about: Mapping[str, str] = MappingProxyType({})) -> None:
        self.problems = tuple(sorted(problems))
        self.about = about
        count = len(self.problems)
        super().__init__(
            "\n".join(str(problem) for problem in self.problems),
            hint=f"{count} problem{'s' * (count != 1)} found",
        )


class CloudError(HubsmithError):
    """EC2, SSM or another service refused a call, or a resource never reached the awaited state."""


class MachineError(HubsmithError):
    """QEMU, a disk tool or the host itself could not do what a local machine needs."""


class RemoteError(HubsmithError):
    """A command on an instance failed, or the instance could not be reached."""


class CleanupError(HubsmithError):
    """Something temporary is still there; the message lists it by id, the hint says how to remove it."""
