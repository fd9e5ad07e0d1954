"""A lock in a bake: the provisioner gets it, the record knows it, and a changed one is a reason to build."""

from __future__ import annotations

from pathlib import Path

import pytest

from build.lock.write import write
from build.manifest import load
from build.manifest.packages import lockfile
from build.manifest.packages.lockfile_format import Lock, Pins
from tests.cloud.invoke_runner import InvokeRunner
from tests.cloud.project import Project

pytestmark = [pytest.mark.vm, pytest.mark.turn]
VARIABLES = """\
lock: {}
variables:
  distribution: {from: python.distribution}
  packages: {from: python.packages, type: list}
"""


def lock(project: Project, *packages: str) -> None:
    """As `invoke lock` would, had it found these."""
    chosen = load(project.folder / "manifest.yaml", building=False)
    text = "".join(f"{package} \\\n    --hash=sha256:{'a' * 64}\n" for package in packages)
    made_of = lockfile.made_of(chosen.provisioners[0], chosen.base)
    write(Lock(packages={"venv": {"x86_64": Pins(made_of=made_of, pip=text)}}), chosen.lock_path)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, runner: InvokeRunner) -> Project:
    made = Project.copy(tmp_path_factory.mktemp("locked") / "project", runner, "locked")
    made.edit("manifest.yaml", "tests: {folder", "python: {packages: [greet]}\ntests: {folder")
    made.edit("provisioners/greeting/provisioner.yaml", "variables:\n", VARIABLES)
    made.edit("provisioners/greeting/install.sh", "cp /etc", "cat lock/pip.txt\ncp /etc")
    return made


@pytest.fixture(scope="module")
def image(project: Project) -> str:
    lock(project, "greet==1.0", "base==1.0")
    done = project.invoke("build-ami")
    assert done.status == 0, done.err
    assert "    | greet==1.0 \\\n" in done.err
    assert "not reproducible" not in done.err
    return done.last


def test_the_record_knows_the_lock(project: Project, image: str) -> None:
    record = project.runner.record(image)
    assert "provisioners/greeting/locked:pip" in record["parts"]
    assert record["unlocked"] == []


def test_a_changed_lock_is_a_reason_to_build(project: Project, image: str) -> None:
    assert project.json("rebuild", "--check")["reasons"] == []
    lock(project, "greet==1.1", "base==1.0")
    assert project.json("rebuild", "--check", status=3)["reasons"] == [
        "lock of greeting's pip packages changed"
    ]
    (project.folder / "manifest.lock").unlink()
    assert project.json("rebuild", "--check", status=3)["reasons"] == [
        "lock of greeting's pip packages is gone"
    ]


def test_without_one_the_build_says_so_and_with_a_wrong_one_nothing_is_launched(
    project: Project, image: str
) -> None:
    Path(project.folder / "manifest.lock").unlink(missing_ok=True)
    before = project.runner.listing()
    # The script has no lock to show: that ends this build.
    unlocked = project.invoke("build-ami")
    assert unlocked.status == 1
    assert "warning: not reproducible: each build takes the newest of greet that fits" in unlocked.err
    lock(project, "greet==1.0")
    refused = project.invoke("build-ami", "--set", "base.architecture=arm64")
    assert refused.status == 2
    assert "is locked for x86_64, not for aarch64" in refused.err
    assert "launch" not in refused.err
    assert project.runner.listing() == before
