"""create-kernel: an environment of one's own outlives another Python in the image.

A virtual environment with pip is the shared one; packages are wheels of the tests'. What an image with
another Python leaves of an environment is made by renaming the folder of its packages
(https://github.com/StatCan/aaw/issues/2045).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

PROVISIONER = Path(__file__).parents[3] / "provisioners/python/files"
PROGRAM = PROVISIONER / "usr/local/bin/create-kernel"
IPYKERNEL = """\
import json, os, pathlib, sys
if __name__ == "__main__":
    name = sys.argv[sys.argv.index("--name") + 1]
    folder = pathlib.Path(os.environ["HOME"], ".local/share/jupyter/kernels", name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps({"argv": [sys.executable], "display_name": name}))
"""
DRIVER = """\
import runpy, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from hubsmith_kernels.environment import Shared
find, shared = Shared.find, Path(sys.argv[1])
Shared.find = lambda: find(shared)
program, sys.argv[:] = sys.argv[3], sys.argv[3:]
runpy.run_path(program, run_name="__main__")
"""


def wheel(folder: Path, name: str, version: str) -> None:
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as made:
        info = f"{name}-{version}.dist-info/"
        made.writestr(f"{name}.py", f"version = '{version}'\n")
        made.writestr(info + "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        made.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr(info + "RECORD", "")


@dataclass(frozen=True)
class Hub:
    """A user's home, the shared Python, and an index of packages."""

    home: Path
    shared: Path
    index: Path

    @property
    def environment(self) -> Path:
        return self.home / "envs/one"

    @property
    def site(self) -> Path:
        return self.environment / f"lib/python{'.'.join(map(str, sys.version_info[:2]))}/site-packages"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        folder = str(PROVISIONER / "usr/lib/hubsmith/kernels")
        return self._run(
            sys.executable, "-c", DRIVER, str(self.shared / "bin/python"), folder, str(PROGRAM), *arguments
        )

    def pip(self, *arguments: str, program: str = "pip") -> str:
        done = self._run(str(self.environment / "bin" / program), *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, code: str) -> subprocess.CompletedProcess[str]:
        """As JupyterLab starts the kernel."""
        spec = json.loads((self.home / ".local/share/jupyter/kernels/one/kernel.json").read_text())
        assert spec["argv"][:3] == ["/usr/local/bin/create-kernel", "--start", "one"]
        return self.run("--start", "one", "-c", code)

    def python_changes(self) -> None:
        earlier = self.environment / "lib/python3.2"
        self.site.parent.rename(earlier)

    def listed(self) -> dict[str, object]:
        (row,) = json.loads(self.run("--list", "--json").stdout)
        assert isinstance(row, dict)
        return row

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index), "PIP_CONFIG_FILE": os.devnull}
        return subprocess.run(
            command,
            env={"HOME": str(self.home), "PATH": os.environ["PATH"], **settings},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    (packages / "ipykernel.py").write_text(IPYKERNEL)
    return folder


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Hub:
    folder = tmp_path_factory.mktemp("hub")
    hub = Hub(folder / "home", shared, folder / "index")
    hub.home.mkdir()
    hub.index.mkdir()
    for name in ("pinned", "moved", "gone"):
        wheel(hub.index, name, "1.0")
    return hub


@pytest.fixture(scope="module")
def kept(empty: Hub) -> Path:
    """A copy of a home with an environment, which takes a while to make."""
    made = empty.run("one")
    assert made.returncode == 0, made.stderr
    assert "kernel one; to add packages: " in made.stdout
    empty.pip("install", "--quiet", "pinned", "moved", "gone")
    return shutil.copytree(empty.home, empty.home.with_name("kept"), symlinks=True)


@pytest.fixture
def hub(empty: Hub, kept: Path) -> Hub:
    shutil.rmtree(empty.home)
    shutil.copytree(kept, empty.home, symlinks=True)
    return empty


PINNED = "import pinned, ipykernel; print(pinned.version)"


def test_it_is_a_kernel_that_notes_what_is_in_it(hub: Hub) -> None:
    assert hub.start(PINNED).stdout == "1.0\n"
    assert (hub.environment / "packages.txt").read_text() == "gone==1.0\nmoved==1.0\npinned==1.0\n"
    assert hub.listed() == {"name": "one", "state": "works", "python": hub.site.parts[-2][6:], "missing": []}


def test_the_shared_pip_works_on_the_environment(hub: Hub) -> None:
    assert not list(hub.site.glob("pip*"))
    assert str(hub.shared) in hub.pip("--version", program="pip3")
    own = hub.pip("list", "--path", str(hub.site), "--format", "freeze")
    assert own.split() == ["gone==1.0", "moved==1.0", "pinned==1.0"]
    hub.pip("uninstall", "--yes", "gone")
    assert not (hub.site / "gone.py").exists()
    hub.pip("install", "gone")
    assert (hub.site / "gone.py").is_file()
    assert not list(hub.shared.glob("lib/python3*/site-packages/gone*"))


def test_a_pip_of_the_users_own_stays_until_the_python_changes(hub: Hub) -> None:
    own = "#!/bin/sh\necho own\n"
    program = hub.environment / "bin/pip"
    program.write_text(own)
    assert hub.run("one").returncode == 0
    assert program.read_text() == own
    program.unlink()
    assert hub.run("one").returncode == 0
    assert str(hub.shared) in hub.pip("--version")
    program.write_text(own)
    hub.python_changes()
    assert hub.run("one").returncode == 0
    assert str(hub.shared) in hub.pip("--version")


def test_setuptools_is_the_users_unless_venv_brought_it_with_pip(hub: Hub) -> None:
    wheel(hub.index, "setuptools", "1.0")
    hub.pip("install", "--ignore-installed", "setuptools")  # the shared Python may have one
    hub.start("")
    assert "setuptools==1.0" in (hub.environment / "packages.txt").read_text().splitlines()
    # As venv of Python 3.11 and before does, without --without-pip.
    (hub.site / "pip-1.0.dist-info").mkdir()
    (hub.site / "pip-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: pip\nVersion: 1.0\n")
    hub.start("")
    assert (hub.environment / "packages.txt").read_text() == "gone==1.0\nmoved==1.0\npinned==1.0\n"


def test_with_another_python_it_is_made_anew_when_it_starts(hub: Hub) -> None:
    hub.python_changes()
    assert hub.listed()["state"] == "other Python"
    assert hub.start(PINNED).stdout == "1.0\n"
    assert hub.listed()["state"] == "works"
    assert not (hub.environment / "lib/python3.2").exists()


def test_what_cannot_be_had_is_told_and_had_later(hub: Hub) -> None:
    hub.python_changes()
    (hub.index / "gone-1.0-py3-none-any.whl").unlink()
    (hub.index / "moved-1.0-py3-none-any.whl").unlink()
    wheel(hub.index, "moved", "2.0")
    done = hub.run("one")
    assert done.returncode == 0
    assert "moved==2.0 instead of moved==1.0" in done.stderr
    assert "could not be installed: gone==1.0" in done.stderr
    assert hub.listed()["missing"] == ["gone==1.0"]
    assert hub.start("import pinned, moved; print(moved.version)").stdout == "2.0\n"
    wheel(hub.index, "gone", "1.0")
    assert hub.run("--all").returncode == 0
    assert hub.listed()["missing"] == []
    assert hub.start("import gone; print(gone.version)").stdout == "1.0\n"


@pytest.mark.parametrize("lost", ["bin/python", "lib"])
def test_a_broken_one_is_made_anew(hub: Hub, lost: str) -> None:
    hub.start("")  # which notes what is in it
    (hub.environment / lost).rename(hub.home / "lost")
    if lost == "bin/python":
        (hub.environment / lost).symlink_to("/usr/bin/python-of-an-earlier-image")
    assert hub.listed()["state"] == "broken"
    assert hub.run("one").returncode == 0
    assert hub.start(PINNED).stdout == "1.0\n"


def test_others_environments_are_left_alone(hub: Hub) -> None:
    (hub.home / "envs/conda-made/conda-meta").mkdir(parents=True)
    assert hub.listed()["name"] == "one"


def test_a_shared_python_that_is_not_there_is_told(tmp_path: Path, empty: Hub) -> None:
    done = Hub(tmp_path, tmp_path / "none", empty.index).run("one")
    assert done.returncode == 1
    assert "create-kernel: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("wrong", [(), ("Upper",), ("../up",), ("one", "--all"), ("--start",)])
def test_what_is_asked_for_is_checked(tmp_path: Path, empty: Hub, wrong: tuple[str, ...]) -> None:
    done = Hub(tmp_path, empty.shared, empty.index).run(*wrong)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_everybody_has_is_refused_for_a_new_one(tmp_path: Path, empty: Hub) -> None:
    """Whether it or theirs would be found depends on the distribution."""
    kernel = empty.shared / "share/jupyter/kernels/course"
    kernel.mkdir(parents=True)
    try:
        done = Hub(tmp_path, empty.shared, empty.index).run("course")
    finally:
        kernel.rmdir()
    assert done.returncode == 1
    assert done.stderr == "create-kernel: everybody has a kernel course already: choose another name\n"
    assert not (tmp_path / "envs").exists()
