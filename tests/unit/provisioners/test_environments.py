"""The program that makes environments for everybody, with a real uv: packages, kernels, what is shared."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uv

from tests import package_index
from tests.package_index import Index

FILES = Path(__file__).parents[3] / "provisioners/python/files/usr"
TOOLS = FILES / "lib/hubsmith/python"
PINS = FILES / "share/hubsmith/python/requirements.txt"
KERNEL = {"argv": ["python", "-m", "ipykernel_launcher"], "display_name": "Python 3", "language": "python"}
KERNELS = "share/jupyter/kernels"


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    """ipykernel brings a kernelspec; traitlets is there in the shared environment's version and a newer."""
    with package_index.serving(keep_files=True) as index:
        found = re.search(r"^traitlets==(\S+)", PINS.read_text(encoding="utf-8"), re.MULTILINE)
        assert found
        for name, version, *needs in (
            ("traitlets", found[1]),
            ("traitlets", "99.0"),
            ("pip", "99.0"),
            ("ipykernel", "1.0", "traitlets"),
            ("cowsay", "6.0"),
            ("picky", "1.0", "traitlets>=99"),
        ):
            index.add(name, version, *needs)
        with_kernel(index, "ipykernel-1.0-py3-none-any.whl", "ipykernel-1.0")
        yield index


def with_kernel(index: Index, file: str, start: str) -> None:
    spec = f"{start}.data/data/{KERNELS}/python3/kernel.json"
    content = io.BytesIO(index.files[file])
    with zipfile.ZipFile(content) as old:
        texts = {name: old.read(name).decode() for name in old.namelist()}
    texts[spec] = json.dumps(KERNEL)
    texts[f"{start}.dist-info/RECORD"] += f"{spec},,\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as new:
        for name, text in texts.items():
            new.writestr(zipfile.ZipInfo(name), text)
    index.files[file] = content.getvalue()


@dataclass(frozen=True)
class Machine:
    """A shared environment, and what the build says to the program."""

    folder: Path
    variables: dict[str, str]

    @property
    def prefix(self) -> Path:
        return self.folder / "anaconda"

    def uv(self, *arguments: str | Path) -> None:
        subprocess.run([uv.find_uv_bin(), *arguments], env=self.variables, check=True)

    def run(self, command: str, *names: str, asked: list[dict[str, object]]) -> str:
        """What it prints. Raises AssertionError with what it says when it fails."""
        variables = {**self.variables, "ENVIRONMENTS": "\n".join(map(json.dumps, asked))}
        done = subprocess.run(
            [sys.executable, "-I", TOOLS / "environment", command, *names],
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def made(self, *asked: dict[str, object]) -> Path:
        """The first of them."""
        name = str(asked[0]["name"])
        self.run("make", name, asked=list(asked))
        return self.prefix / "envs" / name


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def machine(tmp_path: Path, cache: Path, index: Index) -> Machine:
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "HUBSMITH_PREFIX": str(tmp_path / "anaconda"),
        "HUBSMITH_LOCK": str(tmp_path / "lock"),
        "HUBSMITH_UV": uv.find_uv_bin(),
        "UV_CACHE_DIR": str(cache / "uv"),
        "UV_DEFAULT_INDEX": index.url,
        "UV_PYTHON_DOWNLOADS": "never",
    }
    machine = Machine(tmp_path, variables)
    machine.uv("venv", "--quiet", "--python", sys.executable, machine.prefix)
    return machine


def course(*packages: str) -> dict[str, object]:
    return {"name": "course", "packages": ["ipykernel", "pip", *packages]}


def installed(environment: Path) -> dict[str, str]:
    (site,) = environment.glob("lib/python3*/site-packages")
    return dict(path.name.removesuffix(".dist-info").rsplit("-", 1) for path in site.glob("*.dist-info"))


def pinned() -> str:
    found = re.search(r"^traitlets==(\S+)", PINS.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


def test_packages_are_those_of_the_shared_environment_where_they_fit(machine: Machine) -> None:
    made = machine.made(course("cowsay"))
    assert installed(made) == {"traitlets": pinned(), "pip": "99.0", "ipykernel": "1.0", "cowsay": "6.0"}
    assert machine.made({"name": "other", "packages": ["ipykernel", "picky"]}).name == "other"
    assert installed(machine.prefix / "envs/other")["traitlets"] == "99.0"


def test_what_is_locked_is_installed_and_nothing_else(machine: Machine, index: Index) -> None:
    lock = machine.folder / "lock/environments/course"
    lock.mkdir(parents=True)
    text = f"cowsay==6.0 \\\n    --hash=sha256:{index.sha256('cowsay', '6.0')}\n"
    (lock / "pip.txt").write_text(text)
    assert installed(machine.made(course("cowsay"))) == {"cowsay": "6.0"}
    (lock / "pip.txt").write_text(re.sub("sha256:.", "sha256:x", text))
    with pytest.raises(AssertionError):
        machine.made(course("cowsay"))


def test_the_same_module_is_compiled_once(machine: Machine) -> None:
    pin = f"traitlets=={pinned()}"
    machine.uv("pip", "install", "--quiet", "--link-mode=hardlink", "--python", machine.prefix, pin)
    subprocess.run(
        [machine.prefix / "bin/python", "-m", "compileall", "-q", machine.prefix / "lib"], check=True
    )
    made = machine.made(course("cowsay"))
    (compiled,) = made.glob("lib/python3*/site-packages/__pycache__/traitlets.*.pyc")
    assert compiled.samefile(machine.prefix / compiled.relative_to(made))
    assert list(made.glob("lib/python3*/site-packages/__pycache__/cowsay.*.pyc")) == []
    where = "import traitlets; print(traitlets.__cached__, (lambda: 0).__code__.co_filename)"
    shown = subprocess.run([made / "bin/python", "-c", where], capture_output=True, text=True, check=True)
    assert shown.stdout.split()[0] == str(compiled)


def test_it_is_a_kernel_of_its_name_as_if_activated(machine: Machine) -> None:
    made = machine.made(course("cowsay"))
    machine.run("add-kernel", "course", asked=[course("cowsay")])
    spec = json.loads((machine.prefix / KERNELS / "course/kernel.json").read_text())
    assert (spec["display_name"], spec["language"]) == ("course", "python")
    start, folder, program, *rest = spec["argv"]
    assert [start, folder, program, *rest] == [
        "/usr/lib/hubsmith/python/run-in-environment",
        str(made),
        "python",
        "-m",
        "ipykernel_launcher",
    ]
    code = "import os, shutil, sys; print(sys.prefix, os.environ['VIRTUAL_ENV'], shutil.which('python'))"
    command = [str(TOOLS / "run-in-environment"), folder, program, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(made), str(made), str(made / "bin/python")]


def test_what_packages_of_conda_say_at_activation_holds(tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "etc/conda/activate.d").mkdir(parents=True)
    (tmp_path / "etc/conda/activate.d/gdal.sh").write_text("export GDAL_DATA=$CONDA_PREFIX/share/gdal\n")
    command = [
        str(TOOLS / "run-in-environment"),
        str(tmp_path),
        "sh",
        "-c",
        "echo $GDAL_DATA $CONDA_DEFAULT_ENV",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"{tmp_path}/share/gdal", tmp_path.name]


def test_a_kernel_of_a_package_is_not_overwritten(machine: Machine) -> None:
    taken = machine.prefix / KERNELS / "course"
    taken.mkdir(parents=True)
    (taken / "kernel.json").write_text(json.dumps(KERNEL))
    with pytest.raises(AssertionError, match="brings a kernel course: choose another name"):
        machine.made(course("cowsay"))
    assert not (machine.prefix / "envs/course").exists()


def test_what_is_not_asked_for_any_more_goes_with_its_kernel(machine: Machine) -> None:
    made, kernels = machine.made(course("cowsay")), machine.prefix / KERNELS
    machine.run("add-kernel", "course", asked=[course("cowsay")])
    (made / ".hubsmith").touch()
    (machine.prefix / "envs/somebodys").mkdir()
    (kernels / "python3").mkdir()
    machine.run("remove-others", asked=[course("cowsay")])
    assert made.exists()
    machine.run("remove-others", asked=[])
    assert [path.name for path in (machine.prefix / "envs").iterdir()] == ["somebodys"]
    assert [path.name for path in kernels.iterdir()] == ["python3"]


CONDA = """\
#!/bin/sh
printf '%s\\n' "$@" > "$HOME/asked"
echo "$CONDA_PKGS_DIRS $CONDA_REGISTER_ENVS" > "$HOME/settings"
while [ "$1" != --prefix ]; do shift; done
"$HUBSMITH_UV" venv --quiet "$2"
"""


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "newest"])
def test_conda_makes_those_with_its_packages(machine: Machine, cache: Path, *, locked: bool) -> None:
    conda = machine.prefix / "bin/conda"
    conda.write_text(CONDA)
    conda.chmod(0o755)
    digest = "a" * 64
    if locked:
        lock = machine.folder / "lock/environments/course"
        lock.mkdir(parents=True)
        (lock / "conda.txt").write_text(f"conda-forge/noarch/x-1-0.conda#sha256:{digest}\n")
    asked: dict[str, object] = {
        "name": "course",
        "channels": ["bio"],
        "conda_packages": ["python", "x"],
        "packages": ["cowsay"],
    }
    made = machine.made(asked)
    assert installed(made) == {"cowsay": "6.0"}
    start = ["create", "--yes", "--quiet", "--prefix", str(made)]
    newest = ["--override-channels", "--channel", "bio", "python", "x"]
    explicit = ["--file", str(cache / "explicit.txt")]
    assert (machine.folder / "asked").read_text().split() == [*start, *(explicit if locked else newest)]
    assert (machine.folder / "settings").read_text().split() == [str(cache / "conda"), "false"]
    if locked:
        address = f"https://conda.anaconda.org/conda-forge/noarch/x-1-0.conda#sha256:{digest}"
        assert (cache / "explicit.txt").read_text().split() == ["@EXPLICIT", address]
