"""The host's tools and their packages, listed once in host_packages.txt, which the installer reads too."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("host_packages.txt")


@dataclass(frozen=True)
class HostPackage:
    """A Debian package; `proof`, a command, a file (/…) or a Python module (`python3:NAME`), shows it."""

    name: str
    proof: str
    purpose: str

    def is_present(self) -> bool:
        """Whether the proof is found."""
        if self.proof.startswith("/"):
            return Path(self.proof).exists()
        if self.proof.startswith("python3:"):
            return importlib.util.find_spec(self.proof.partition(":")[2]) is not None
        return find(self.proof) is not None


def find(tool: str) -> str | None:
    """Where a command is, also in the folders of mke2fs, which ordinary users of Debian lack."""
    return shutil.which(tool, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")


def packages() -> list[HostPackage]:
    """The whole table, in its order."""
    lines = [line for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    return [HostPackage(*(field.strip() for field in line.split("|"))) for line in lines]


def missing() -> list[HostPackage]:
    """The packages that are not there."""
    return [package for package in packages() if not package.is_present()]


def apt_line(names: Iterable[str]) -> str:
    """The one line that installs these packages."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    return f"{sudo}apt-get update && {sudo}apt-get install --no-install-recommends {' '.join(names)}"


def package_of(tool: str) -> str:
    """The package that holds a command; the command's own name if the table does not know it."""
    return next((package.name for package in packages() if package.proof == tool), tool)
