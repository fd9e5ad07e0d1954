"""Which QEMU runs the machines: this system's, or Debian 13's from the cache where that emulates badly.

`localcloud/machine/emulator.py` fetches the one in the cache. HUBSMITH_QEMU names another program for all
machines.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from build.errors import MachineError
from build.paths import cache_dir

NAME = "qemu-system-x86_64"
VARIABLE = "HUBSMITH_QEMU"
GOOD_FROM = (10, 0, 13)
"""The oldest version that was seen to emulate fast: emulation.py says what the older ones do."""
Accelerator = Literal["kvm", "tcg"]
_LIBRARIES = "usr/lib/x86_64-linux-gnu"


@dataclass(frozen=True)
class Program:
    """A QEMU: the first words of its command line, its environment, and the first line of --version."""

    command: tuple[str, ...]
    banner: str
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def version(self) -> tuple[int, ...]:
        """(10, 0, 13); (0,) where the banner has none."""
        found = re.search(r"version (\d+(?:\.\d+)*)", self.banner)
        return tuple(int(part) for part in found[1].split(".")) if found else (0,)

    @property
    def release(self) -> str:
        """The version as text."""
        return ".".join(str(part) for part in self.version)

    @property
    def emulates_well(self) -> bool:
        """Whether it keeps translated code when a program runs at another address."""
        return self.version >= GOOD_FROM


def chosen(accelerator: Accelerator) -> Program:
    """The QEMU that runs the machines now. Raises MachineError where there is none.

    With KVM this system's own. Without, one that emulates well: this system's or, where that is too old, the
    cached one.
    """
    if program := requested():
        return program
    program = of_the_system()
    if accelerator == "tcg" and not (program and program.emulates_well):
        program = cached() or program
    if program is None:
        raise MachineError(f"{NAME} is not installed", hint="apt install qemu-system-x86")
    return program


def requested() -> Program | None:
    """The QEMU that HUBSMITH_QEMU names; None where it is not set.

    Raises MachineError when that does not run.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    if not shutil.which(path):
        raise MachineError(f"{VARIABLE}: {path} is not a program", hint=f"unset {VARIABLE}, or name a {NAME}")
    return _program(path)


def of_the_system() -> Program | None:
    """The QEMU on PATH; None where there is none."""
    path = shutil.which(NAME)
    return _program(path) if path else None


def cached() -> Program | None:
    """The newest QEMU that was fetched into the cache; None where there is none, or it does not run."""
    folders = [folder for folder in cache_folder().glob("*/") if not folder.name.startswith(".")]
    programs = [found for folder in folders if (found := unpacked(folder)).version > (0,)]
    return max(programs, key=lambda found: found.version, default=None)


def cache_folder() -> Path:
    """One folder below it for each QEMU that was fetched."""
    return cache_dir() / "qemu"


def unpacked(folder: Path) -> Program:
    """The QEMU whose packages, and all that they depend on, are unpacked in a folder.

    It runs with the C library that it came with, so the system's own may be older.
    """
    libraries = folder / _LIBRARIES
    loader = (str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries))
    data = [argument for name in ("qemu", "seabios") for argument in ("-L", str(folder / "usr/share" / name))]
    return _program(*loader, str(folder / "usr/bin" / NAME), *data, modules=str(libraries / "qemu"))


def _program(*command: str, modules: str = "") -> Program:
    environment = MappingProxyType({"QEMU_MODULE_DIR": modules} if modules else {})
    return Program(command, _banner(command, _files_of(command)), environment)


def _files_of(command: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Time and size of each file that it names.

    Two changes within one tick of the file system's clock have the same time.
    """
    found = [Path(word).stat() for word in command if Path(word).is_file()]
    return tuple((file.st_mtime_ns, file.st_size) for file in found)


@functools.cache  # an update of the package changes the second argument
def _banner(command: tuple[str, ...], _files: tuple[tuple[int, int], ...]) -> str:
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.partition("\n")[0]
