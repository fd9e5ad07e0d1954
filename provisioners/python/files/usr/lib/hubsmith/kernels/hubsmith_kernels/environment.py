"""One environment in ~/envs: made, looked at, and made anew when the shared Python is another one.

It is a virtual environment of the shared Python's that sees the shared packages too, pip among them. Beside
them are

    packages.txt         what is in it, as pip takes it; renewed whenever the kernel starts
    not-installed.txt    what could not be had for this Python
"""

from __future__ import annotations

import fcntl
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hubsmith_kernels import packages
from hubsmith_kernels.packages import Restored

WORKS, OTHER_PYTHON, BROKEN = "works", "other Python", "broken"
_MOST_CHARACTERS = 2**20  # of the notes, which are a user's files
_SITE = 'import sysconfig; print(sysconfig.get_path("purelib"))'
_VERSION = 'import sys; print("%d.%d" % sys.version_info[:2])'


class KernelError(Exception):
    """Why there is no kernel, for the user."""


@dataclass(frozen=True)
class Shared:
    """The Python that everybody shares."""

    python: Path
    version: str
    """Such as 3.13."""

    @classmethod
    def find(cls, python: Path = Path("/opt/anaconda/bin/python")) -> Shared:
        """Raises KernelError when it does not run."""
        return cls(python, _printed(python, "-I", "-S", "-c", _VERSION))

    @property
    def packages(self) -> str:
        """Its site-packages."""
        return _printed(self.python, "-I", "-c", _SITE)


@dataclass(frozen=True)
class Environment:
    """One of them; it need not exist."""

    folder: Path
    shared: Shared

    @property
    def python(self) -> Path:
        """Its Python."""
        return self.folder / "bin/python"

    @property
    def site(self) -> Path:
        """Its own packages, for the shared Python of now."""
        return self.folder / f"lib/python{self.shared.version}/site-packages"

    @property
    def missing(self) -> list[str]:
        """What could not be had for this Python."""
        return _lines(self.folder / "not-installed.txt")

    @property
    def made_for(self) -> str:
        """The Python it has packages for, such as 3.12, the newest of several; empty if there is none."""
        return self._sites()[-1].parent.name.removeprefix("python") if self._sites() else ""

    @property
    def state(self) -> str:
        """One of the three above."""
        runs = self.python.is_file() and (self.folder / "pyvenv.cfg").is_file()
        if runs and (self.site / "shared.pth").is_file():
            return WORKS
        return OTHER_PYTHON if self.made_for not in ("", self.shared.version) else BROKEN

    def renew(self) -> Restored:
        """Make it, or make it anew with what was in it. Raises KernelError, OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            wanted = self._wanted()
            self._write(wanted, self._lacking(wanted))  # whatever ends this: it stays known what is wanted
            self._prepare()
            done = packages.restore(self.python, self._lacking(wanted))
            there = packages.installed(self.site)
            missing = [each for each in done.missing if packages.name_of(each) not in there]
            self._write(there, missing)
            if not missing:
                self._remove_earlier()
            changed = ((before, there.get(packages.plain(name), name)) for before, name in done.changed)
            return Restored(tuple(changed), tuple(missing))

    def note(self) -> None:
        """Write down what is in it now. Raises OSError."""
        there = packages.installed(self.site)
        self._write(there, [each for each in self.missing if packages.name_of(each) not in there])

    def _prepare(self) -> None:
        anew = self.state != WORKS
        if anew:
            for link in self.folder.glob("bin/python*"):  # venv leaves links that lead nowhere as they are
                link.unlink()
            # It sees the shared pip. One of its own would take longer to copy than all the rest.
            _printed(self.shared.python, "-m", "venv", "--without-pip", str(self.folder))
        # A venv made from a venv sees the system's packages only; this line shows it those of the shared one.
        (self.site / "shared.pth").write_text(f"{self.shared.packages}\n", encoding="utf-8")
        self._offer_pip(anew=anew)

    def _offer_pip(self, *, anew: bool) -> None:
        """bin/pip and bin/pip3, which run the shared pip in this environment.

        Installing pip into the environment replaces them, and removing that pip removes them.

        Args:
            anew: Replace those that are there. They may be of a pip for another Python.
        """
        text = f'#!/bin/sh\nexec {shlex.quote(str(self.python))} -m pip "$@"\n'
        for path in (self.folder / "bin/pip", self.folder / "bin/pip3"):
            if anew:
                path.unlink(missing_ok=True)
            if not path.exists():
                path.write_text(text, encoding="utf-8")
                path.chmod(0o755)

    def _wanted(self) -> dict[str, str]:
        """What is in it or was, by name; the notes know where the packages themselves are gone."""
        lines = [] if self.state == WORKS else _lines(self.folder / "packages.txt")
        found = {packages.name_of(each): each for each in (*lines, *self.missing)}
        for site in [self.site] if self.state == WORKS else self._sites():
            found |= packages.installed(site)
        return found

    def _lacking(self, wanted: dict[str, str]) -> list[str]:
        there = packages.installed(self.site)
        return [each for name, each in wanted.items() if name not in there]

    def _write(self, there: dict[str, str], missing: list[str]) -> None:
        """The notes; files that say so already are left alone, so that a full home is no matter."""
        wanted = [*there.values(), *(each for each in missing if each not in there.values())]
        for name, lines in (("packages.txt", wanted), ("not-installed.txt", missing)):
            path = self.folder / name
            if not path.exists() or _lines(path) != lines:
                path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def _remove_earlier(self) -> None:
        for site in self._sites():
            if site != self.site:
                shutil.rmtree(site.parent, ignore_errors=True)

    def _sites(self) -> list[Path]:
        """The folders of packages, that of the newest Python last."""
        found = [path for path in self.folder.glob("lib/python3.*/site-packages") if path.is_dir()]
        return sorted(found, key=lambda path: _order(path.parent.name.removeprefix("python")))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two kernels that start at once do not both make it."""
        with (self.folder / ".create-kernel.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_MOST_CHARACTERS).splitlines()
    except (OSError, ValueError):
        return []


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdecimal() else 0 for part in version.split("."))


def _printed(*command: str | Path) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as exc:
        raise KernelError(f"{command[0]} does not run: {exc.strerror}") from exc
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise KernelError(f"{' '.join(map(str, command))} failed: {said[-1] if said else done.returncode}")
    return done.stdout.strip()
