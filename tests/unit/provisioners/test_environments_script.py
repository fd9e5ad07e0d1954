"""When environments for everybody are made, and with which rights: the functions of environments.sh."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "provisioners/python/files/usr/lib/hubsmith/python/environments.sh"
# What install.sh has, as words in a file where root's rights are needed.
AROUND = """\
set -euo pipefail
umask 002
cd "$1"
readonly prefix=$1/anaconda locks=$1/locks tools=$1/tools lock=$1/lock cache=$1/cache
say() { printf '%s\\n' "$*" >> "$prefix/../said"; }
describe_environment() { echo "Python $VERSION"; }
install_uv() { say uv; }
remove_traces_of_uv() { rm --force "$1/.lock"; }
add_packages() { say "packages $2"; }
compile_bytecode() { say compile; }
let_group_install() { say "rights ${1#"$prefix/"}"; }
let_group_write_history() { say history; }
. "$2"
make_environments
"""
TOOL = """\
#!/bin/sh
cd "$(dirname "$0")/.."
case $1 in
    names) cat names ;;
    describe) grep "\\"$2\\"" asked ;;
    make) echo "make $2" >> said; [ ! -e broken ] || exit 1; mkdir -p "anaconda/envs/$2/bin"
        touch "anaconda/envs/$2/bin/x" "anaconda/envs/$2/.lock" ;;
    add-kernel) kernel=anaconda/share/jupyter/kernels/$2; mkdir -p "$kernel"; touch "$kernel/kernel.json" ;;
esac
"""


@dataclass
class Builder:
    """A folder that stands in for the machine."""

    folder: Path
    version: str = "3.13"
    asked: dict[str, str] = field(default_factory=dict)

    def run(self) -> tuple[int, list[str]]:
        """Its status, and what was done."""
        (self.folder / "names").write_text("".join(f"{name}\n" for name in self.asked))
        lines = (json.dumps({"name": name, "packages": [text]}) for name, text in self.asked.items())
        (self.folder / "asked").write_text("".join(f"{line}\n" for line in lines))
        (self.folder / "said").write_text("")
        done = subprocess.run(
            ["bash", "-c", AROUND, "bash", self.folder, SCRIPT],
            env={"PATH": "/usr/bin:/bin", "VERSION": self.version},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.stderr, done.stderr
        return done.returncode, (self.folder / "said").read_text().splitlines()

    def made(self) -> list[str]:
        status, said = self.run()
        assert status == 0
        return [line.removeprefix("make ") for line in said if line.startswith("make ")]


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    for name in ("anaconda/share", "locks", "tools/hints", "lock", "cache/conda"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "locks/requirements.txt").write_text("traitlets==5.14\n")
    (tmp_path / "tools/hints/hint.pth").touch()
    (tmp_path / "tools/environment").write_text(TOOL)
    (tmp_path / "tools/environment").chmod(0o755)
    return Builder(tmp_path)


def test_none_is_nothing_to_do(builder: Builder) -> None:
    assert builder.run() == (0, [])
    assert not (builder.folder / "cache/conda").exists()


def test_rights_come_last_and_no_file_can_be_changed_in_place(builder: Builder) -> None:
    builder.asked = {"course": "cowsay"}
    assert builder.run() == (
        0,
        [
            "uv",
            "make course",
            f"packages {builder.folder}/tools/hints/hint.pth",
            "compile",
            "rights envs",
            "rights share/jupyter/kernels",
            "history",
        ],
    )
    files = [path for path in (builder.folder / "anaconda").rglob("*") if path.is_file()]
    assert sorted(path.name for path in files) == [".hubsmith", "kernel.json", "x"]
    assert [oct(path.stat().st_mode & 0o777) for path in files] == ["0o644"] * 3


def test_only_what_has_changed_is_made_again(builder: Builder) -> None:
    builder.asked = {"course": "cowsay", "other": "numpy"}
    assert builder.made() == ["course", "other"]
    assert builder.run() == (0, [])
    builder.asked["other"] = "numpy>2"
    assert builder.made() == ["other"]
    (builder.folder / "lock/environments/course").mkdir(parents=True)
    (builder.folder / "lock/environments/course/pip.txt").write_text("cowsay==6.0\n")
    assert builder.made() == ["course"]
    builder.version = "3.14"
    assert builder.made() == ["course", "other"]


def test_one_that_failed_is_made_again(builder: Builder) -> None:
    builder.asked = {"course": "cowsay"}
    (builder.folder / "broken").touch()
    status, said = builder.run()
    assert (status, said) == (1, ["uv", "make course"])
    (builder.folder / "broken").unlink()
    assert builder.made() == ["course"]
