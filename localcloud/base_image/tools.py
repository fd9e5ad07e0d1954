"""Running the host's tools, so that what they say reaches the user."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from build.errors import MachineError
from localcloud import host_packages

TAIL_LINES = 12


def path() -> str:
    """PATH with the folders of mke2fs and its kin, which ordinary users of Debian lack."""
    return os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment tools run in: this one, with PATH completed and messages in English."""
    return {**os.environ, "PATH": path(), "LC_ALL": "C.UTF-8", **(extra or {})}


def run(
    command: Sequence[str], purpose: str, *, extra: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run a tool and return what it wrote to stdout.

    `purpose` completes "could not …". Raises MachineError with the tool's last lines, or with the package to
    install.
    """
    try:
        done = subprocess.run(
            list(command),
            env=environment(extra),
            cwd=cwd,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise missing(command[0], purpose) from None
    if done.returncode:
        raise failed(command[0], done.returncode, done.stderr or done.stdout, purpose)
    return done.stdout


def missing(tool: str, purpose: str) -> MachineError:
    """The error for a tool that is not installed."""
    return MachineError(
        f"could not {purpose}: {tool} is not installed",
        hint=host_packages.apt_line([host_packages.package_of(tool)]),
    )


def failed(tool: str, code: int, output: str, purpose: str, hint: str | None = None) -> MachineError:
    """The error for a tool that ran and failed; `output` is cut to its last lines."""
    tail = "\n".join(f"    {line}" for line in output.strip().splitlines()[-TAIL_LINES:])
    return MachineError(
        f"could not {purpose}: {tool} ended with {code}" + (f"\n{tail}" if tail else ""), hint=hint
    )
