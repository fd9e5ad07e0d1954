"""Debian packages fetched by apt into the cache, without root and apart from the host's own apt.

apt checks signatures and checksums as always; only its folders are others. Nothing is installed: the packages
are read as archives.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from build.errors import MachineError
from build.paths import cache_dir
from localcloud.base_image import mirror, tools
from localcloud.base_image.archive import Entry, File, Link

REMEMBER_S = 86400


@dataclass(frozen=True)
class Apt:
    """apt with folders of its own, for one release ("trixie").

    Two that are used at the same time have different names.
    """

    release: str
    name: str = ""

    @property
    def folder(self) -> Path:
        """Lists, archives and configuration; created by `update`."""
        return cache_dir() / "packages" / "-".join(filter(None, [self.release, self.name]))

    def update(self) -> None:
        """Write the configuration and fetch the package lists."""
        for name in ("lists/partial", "cache/archives/partial", "debs"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        (self.folder / "sources.list").write_text(
            "".join(source.line() + "\n" for source in mirror.sources(self.release))
        )
        (self.folder / "apt.conf").write_text("\n".join(self._settings()) + "\n")
        self._run(["apt-get", "update", "--quiet"], "fetch Debian's package lists")

    def depends(self, package: str) -> list[str]:
        """The names a package depends on directly, alternatives left out."""
        shown = self._run(["apt-cache", "depends", "--important", package], f"look up {package}")
        return re.findall(r"^  Depends: ([^<\s]+)$", shown, re.MULTILINE)

    def libraries(self, names: Sequence[str]) -> list[str]:
        """The library packages among everything these packages depend on."""
        shown = self._run(["apt-cache", "depends", "--important", "--recurse", *names], "look up libraries")
        return sorted(set(re.findall(r"^(lib\S+|zlib1g)$", shown, re.MULTILINE)))

    def download(self, names: Sequence[str]) -> list[Path]:
        """Fetch packages and return their files, in the order of the names; check those that are there."""
        wanted = self._run(["apt-get", "download", "--print-uris", *names], "look up Debian packages")
        files = [
            self.folder / "debs" / name for name in re.findall(r"^'[^']*' (\S+) \d+", wanted, re.MULTILINE)
        ]
        self._run(
            ["apt-get", "download", "--quiet", *names], "download Debian packages", cwd=self.folder / "debs"
        )
        for stale in {*(self.folder / "debs").glob("*.deb")} - {*files}:
            stale.unlink()
        return files

    def download_with_dependencies(self, package: str) -> list[Path]:
        """Fetch a package and all that it depends on, as if nothing were installed; return their files."""
        options = ("--quiet", "--quiet", "--yes", "--no-install-recommends", package)
        wanted = self._run(["apt-get", "install", "--print-uris", *options], f"look up {package}")
        self._run(["apt-get", "install", "--download-only", *options], f"download {package}")
        folder = self.folder / "cache/archives"
        return [folder / name for name in re.findall(r"^'[^']*' (\S+) \d+", wanted, re.MULTILINE)]

    def forget_downloads(self) -> None:
        """Delete what `download_with_dependencies` has fetched."""
        self._run(["apt-get", "clean"], "delete downloaded packages")

    def remember(self, purpose: str, files: Iterable[Path]) -> None:
        """Note the files fetched for a purpose: another image of the same day need not ask the mirror."""
        (self.folder / f"{purpose}.list").write_text("".join(f"{file}\n" for file in files))

    def remembered(self, purpose: str) -> list[Path]:
        """The files noted for a purpose less than a day ago; none, if one of them is gone."""
        note = self.folder / f"{purpose}.list"
        if not note.exists() or time.time() - note.stat().st_mtime > REMEMBER_S:
            return []
        files = [Path(line) for line in note.read_text().splitlines()]
        return files if all(file.exists() for file in files) else []

    def _settings(self) -> Iterable[str]:
        folders = {
            "Dir::State": ".", "Dir::State::lists": "lists", "Dir::State::status": "status",
            "Dir::Cache": "cache",
            "Dir::Etc::sourcelist": "sources.list",
        }  # fmt: skip
        yield from (f'{name} "{self.folder / value}";' for name, value in folders.items())
        yield from (f'Dir::Etc::{name} "/dev/null";' for name in ("sourceparts", "parts", "main"))
        yield 'APT::Architecture "amd64";'
        yield "APT::Architectures { amd64; };"
        yield 'APT::Sandbox::User "root";'  # the folders are this user's, not _apt's
        yield 'Acquire::Languages "none";'
        yield from mirror.as_apt_conf(mirror.proxy_settings(), for_guest=False)

    def _run(self, command: Sequence[str], purpose: str, cwd: Path | None = None) -> str:
        return tools.run(command, purpose, extra={"APT_CONFIG": str(self.folder / "apt.conf")}, cwd=cwd)


def contents(deb: Path, wanted: Iterable[str]) -> dict[str, Entry]:
    """The files and links of a package by path ("usr/bin/…"), where an expression matches the whole path."""
    pattern = re.compile("|".join(f"(?:{expression})$" for expression in wanted))
    process = subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE, env=tools.environment()
    )
    found: dict[str, Entry] = {}
    with process, tarfile.open(fileobj=process.stdout, mode="r|") as tar:
        for member in tar:
            path = member.name.removeprefix("./")
            if not pattern.match(path):
                continue
            if member.issym():
                found[path] = Link(member.linkname)
            elif (data := tar.extractfile(member)) is not None:
                found[path] = File(data.read(), member.mode & 0o755)
    if process.returncode:
        raise MachineError(f"could not read {deb}", hint=f"rm -r {deb.parent.parent}")
    return found


def output_of(name: str, program: bytes, arguments: Sequence[str]) -> str:
    """What a program from a package prints, run from a temporary file of that name."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(program)
        file.chmod(0o700)
        return tools.run([str(file), *arguments], "run a program of a Debian package")
