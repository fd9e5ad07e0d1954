"""A small project (manifest, three provisioners, a tests folder) in a temporary current folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from build import bash
from build.errors import ManifestError
from build.manifest import Manifest, load

MANIFEST = """\
image:
  name: jupyterhub
  tags: {team: data}
cloud: local
base:
  owner: "136693071363"
  name: debian-13-amd64-*
builder:
  instance_types: [t3.large, t3a.large]
  root_volume:
    size_gib: 16
    type: gp3
  address: public
hub:
  admin_users: [ada]
  cpu_limit: 2.0
python:
  packages: [numpy]
provisioners:
  - base
  - name: hub
    variables:
      greeting: hello
publish:
  ssm_parameter: /hubsmith/{image}/latest
profiles:
  local:
    builder:
      caller_cidr: 127.0.0.1/32
  aws:
    builder:
      instance_types: [m7i.large]
  big:
    builder:
      root_volume: {size_gib: 100}
"""

HUB = """\
summary: A hub.
needs: [base]
timeout_minutes: 20
variables:
  admin_users: {from: hub.admin_users}
  greeting: {default: hi, description: what it says}
  workers: {default: 4}
  ratio: {type: number, default: 0.5}
  quiet: {default: false}
  labels: {type: mapping}
  words: {type: list}
  packages: {from: python.packages, type: list}
files:
  /etc/hub.conf: {mode: "0600", group: ada}
"""


@dataclass(frozen=True)
class Project:
    """A folder with a manifest in it."""

    folder: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.yaml"

    def write(self, text: str) -> None:
        self.manifest.write_text(text, encoding="utf-8")

    def edit(self, old: str, new: str) -> None:
        text = self.manifest.read_text(encoding="utf-8")
        assert old in text
        self.write(text.replace(old, new, 1))

    def provisioner(self, name: str, definition: str) -> Path:
        folder = self.folder / "provisioners" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "provisioner.yaml").write_text(definition, encoding="utf-8")
        (folder / "install.sh").write_text("true\n", encoding="utf-8")
        if "greeting" not in definition and (folder / "files/etc/hub.conf.j2").exists():
            (folder / "files/etc/hub.conf.j2").write_text("", encoding="utf-8")
        return folder

    def load(self, *overrides: str, profiles: Sequence[str] = (), cloud: str | None = None) -> Manifest:
        return load(
            Path("manifest.yaml"),
            profiles=profiles,
            cloud=cloud,
            overrides=overrides,
            bash=bash.complaint,
        )

    def problems(self, *overrides: str, profiles: Sequence[str] = (), cloud: str | None = None) -> list[str]:
        """What the user would be told, line by line."""
        with pytest.raises(ManifestError) as caught:
            self.load(*overrides, profiles=profiles, cloud=cloud)
        assert str(caught.value).splitlines() == [str(problem) for problem in caught.value.problems]
        return str(caught.value).splitlines()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path)
    made.write(MANIFEST)
    made.provisioner("base", "summary: The base.\n")
    hub = made.provisioner("hub", HUB)
    (hub / "files" / "etc").mkdir(parents=True)
    (hub / "files" / "etc" / "hub.conf.j2").write_text("{{ greeting }}\n", encoding="utf-8")
    (tmp_path / "tests" / "image").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return made
