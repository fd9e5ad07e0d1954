"""apt-get for provisioners: a mirror in the archive's place; nothing asked of apt that is there."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "provisioners/base/files/usr/lib/hubsmith/apt-get"
MIRROR = "https://mirror.example.org/archive"
APT = """#!/bin/bash
echo "$@" >> calls
for word in "$@"; do case $word in
    Dir::Etc::SourceList=*) cat "${word#*=}" ;;
    Dir::Etc::SourceParts=*) cat "${word#*=}"/* ;;
esac; done > sources
"""


@dataclass(frozen=True)
class System:
    """A folder in the place of /, whose apt-get notes what it was asked for and from where it would read."""

    folder: Path

    def run(self, *words: str, mirror: str | None = None) -> None:
        script = self.folder / "apt-get-for-provisioners"
        text = (
            SCRIPT.read_text()
            .replace("/etc/apt", f"{self.folder}/etc/apt")
            .replace("/run/hubsmith/apt", f"{self.folder}/run")
        )
        script.write_text(text)
        environment = {"PATH": f"{self.folder}/bin:/usr/bin:/bin"} | (
            {"HUBSMITH_APT_MIRROR": mirror} if mirror else {}
        )
        subprocess.run(["bash", script, *words], cwd=self.folder, env=environment, check=True)


@pytest.fixture
def system(tmp_path: Path) -> System:
    (tmp_path / "etc/apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    for name, text in (("apt-get", APT), ("dpkg-query", '#!/bin/sh\n[ "$3" = acl ] && echo installed\n')):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return System(tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "read"),
    [
        ("debian.sources", "URIs: mirror+file:///etc/apt/mirrors/debian.list\n", f"URIs: {MIRROR}\n"),
        (
            "debian.sources",
            "URIs: mirror+file:///etc/apt/mirrors/debian-security.list\n",
            f"URIs: {MIRROR}-security\n",
        ),
        ("debian.sources", "URIs: https://cdn.example.net/debian/\n", f"URIs: {MIRROR}\n"),
        ("ubuntu.sources", "URIs: http://us-east-1.example.net/ubuntu/\n", f"URIs: {MIRROR}\n"),
        (
            "ubuntu.sources",
            "URIs: http://security.example.net/ubuntu\nSuites: x-security\n",
            f"URIs: {MIRROR}\nSuites: x-security\n",
        ),
        # arm64's archive
        ("ubuntu.sources", "URIs: http://us-east-1.ports.example.net/ubuntu-ports/\n", f"URIs: {MIRROR}\n"),
        ("one.list", "deb http://ports.example.net/ubuntu-ports noble main\n", f"deb {MIRROR} noble main\n"),
        (
            "one.list",
            "deb [a=b] http://deb.example.net/debian trixie main\n",
            f"deb [a=b] {MIRROR} trixie main\n",
        ),
        (
            "one.list",
            "deb http://security.example.net/debian-security x-security main\n",
            f"deb {MIRROR}-security x-security main\n",
        ),
        (
            "other.list",
            "deb https://packages.example.com/tools stable main\n",
            "deb https://packages.example.com/tools stable main\n",
        ),
    ],
)
def test_the_mirror_takes_the_archives_place_and_leaves_no_trace(
    system: System, file: str, text: str, read: str
) -> None:
    source = system.folder / "etc/apt/sources.list.d" / file
    source.write_text(text)
    system.run("update", mirror=f"{MIRROR}/")
    assert (system.folder / "sources").read_text() == read
    assert source.read_text() == text


def test_without_a_mirror_the_machines_own_sources_are_read(system: System) -> None:
    system.run("update")
    assert (system.folder / "sources").read_text() == ""


def test_lists_are_read_once_an_hour_and_again_from_another_mirror(system: System) -> None:
    for mirror in (None, None, MIRROR, MIRROR):
        system.run("update", mirror=mirror)
    assert len((system.folder / "calls").read_text().splitlines()) == 2


def test_what_is_there_is_not_installed_again(system: System) -> None:
    system.run("install", "acl")
    assert not (system.folder / "calls").exists()
    system.run("install", "acl", "less")
    assert [
        line.rpartition("Retries=3 ")[2] for line in (system.folder / "calls").read_text().splitlines()
    ] == ["update", "install less"]
