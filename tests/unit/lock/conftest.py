"""A project whose provisioner python installs what is locked, and small registries on loopback."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from build.errors import ManifestError
from build.lock.resolve import resolve
from build.lock.write import write
from build.manifest import Manifest, load
from build.manifest.packages import lockfile_format
from build.manifest.packages.lockfile_format import Lock
from tests import package_index
from tests.package_index import Index

MANIFEST = """\
image: {{name: jupyterhub}}
base: {{owner: "136693071363", name: debian-13-amd64-*}}
builder: {{mirrors: {{pypi: "{index}"}}}}
python:
  packages: [greet]
provisioners: [python]
"""

PROVISIONER = """\
summary: Python.
lock: {requirements: own.in, environments: [kernel], constraints: own.txt}
variables:
  distribution: {from: python.distribution}
  installers: {from: python.installers, type: mapping}
  channels: {from: python.channels, type: list}
  conda_packages: {from: python.conda_packages, type: list}
  packages: {from: python.packages, type: list}
  hub_version: {from: hub.version, type: string}
  environments: {from: python.environments, type: list}
"""


@dataclass(frozen=True)
class Project:
    """A manifest with its lock."""

    folder: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.yaml"

    @property
    def lock(self) -> Path:
        return self.folder / "manifest.lock"

    @property
    def provisioner(self) -> Path:
        return self.folder / "provisioners" / "python"

    def load(self, *overrides: str, building: bool = True, profiles: Sequence[str] = ()) -> Manifest:
        return load(self.manifest, overrides=overrides, building=building, profiles=profiles)

    def problem(self, *overrides: str, profiles: Sequence[str] = ()) -> str:
        """The one thing the user would be told."""
        with pytest.raises(ManifestError) as caught:
            self.load(*overrides, profiles=profiles)
        (problem,) = caught.value.problems
        return str(problem)

    def resolve(self, *overrides: str, upgrade: bool = False, profiles: Sequence[str] = ()) -> Lock:
        """The lock `invoke lock` would write."""
        before, _, problems = lockfile_format.load(self.lock)
        assert problems == ()
        return resolve(
            self.load(*overrides, building=False, profiles=profiles), before or Lock(), upgrade=upgrade
        )

    def locked(self, *overrides: str, upgrade: bool = False, profiles: Sequence[str] = ()) -> Lock:
        """As `invoke lock`."""
        found = self.resolve(*overrides, upgrade=upgrade, profiles=profiles)
        write(found, self.lock)
        return found


@pytest.fixture(scope="session")
def index() -> Iterator[Index]:
    """greet needs base; lab is what the provisioner installs in any case."""
    with package_index.serving() as index:
        for name, version, *needs in (
            ("base", "1.0"),
            ("base", "2.0"),
            ("lab", "1.0", "base"),
            ("lab", "2.0", "base"),
            ("greet", "1.0", "base"),
            ("greet", "2.0", "base", "only_new ; python_version >= '3.14'"),
            ("only_new", "1.0"),
            ("picky", "1.0", "base>=2"),
            ("kernel", "1.0"),
            ("kernel", "2.0"),
        ):
            index.add(name, version, *needs)
        yield index


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """uv's own."""
    return tmp_path_factory.mktemp("uv")


@pytest.fixture
def project(tmp_path: Path, index: Index, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path)
    made.provisioner.mkdir(parents=True)
    (tmp_path / "tests" / "image").mkdir(parents=True)
    made.manifest.write_text(MANIFEST.format(index=index.url), encoding="utf-8")
    for name, text in {
        "provisioner.yaml": PROVISIONER,
        "install.sh": "true\n",
        "own.in": "lab   # what starts servers\n",
        "own.txt": f"base==1.0 \\\n    --hash=sha256:{index.sha256('base', '1.0')}\n"
        "    # via lab\nlab==1.0\nkernel==1.0\n",
    }.items():
        (made.provisioner / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UV_CACHE_DIR", str(cache))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("HUBSMITH_CACHE", str(cache))
    return made
