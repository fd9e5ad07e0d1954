"""Environments for everybody in a lock: each by itself, in the provisioner's own versions where those fit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from build.bake.inputs.inputs import Inputs
from build.bake.inputs.inputs import diff_tags as input_changes
from build.lock.diff import changes, summary
from build.manifest.packages.lockfile_format import EnvironmentPins, Lock
from tests.cloud.distributions.mirror import Mirror
from tests.unit.lock import test_conda
from tests.unit.lock.test_conda import INSTALLER

if TYPE_CHECKING:
    from tests.unit.lock.conftest import Project

COURSE = "python.environments=[{name: course, packages: [greet]}]"
BASE = "ami-0123456789abcdef0"


def course(lock: Lock, distribution: str = "venv") -> EnvironmentPins:
    return lock.packages[distribution]["x86_64"].environments["course"]  # type: ignore[index]


def versions(lock: Lock) -> dict[str, str]:
    return dict(re.findall(r"^(\S+)==(\S+)", course(lock).pip, re.MULTILINE))


def test_each_is_locked_with_hashes_and_the_kernel(project: Project) -> None:
    lock = project.locked(COURSE)
    # The provisioner's own versions where they fit, and without what only the shared environment needs.
    assert versions(lock) == {"base": "1.0", "greet": "2.0", "kernel": "1.0", "only-new": "1.0"}
    assert course(lock).pip.count("--hash=sha256:") == 4
    (use,) = project.load(COURSE).provisioners
    pins = lock.packages["venv"]["x86_64"]
    assert use.lock_files == {"pip": pins.pip, "environments/course/pip": course(lock).pip}


def test_the_provisioners_own_versions_bind_nobody(project: Project) -> None:
    asked = "python.environments=[{name: course, packages: [picky, kernel>1]}]"
    assert versions(project.locked(asked)) == {"base": "2.0", "kernel": "2.0", "picky": "1.0"}


def test_pins_are_kept_until_an_upgrade(project: Project) -> None:
    project.locked("python.environments=[{name: course, packages: [greet<2]}]")
    kept = project.locked(COURSE)
    assert versions(kept)["greet"] == "1.0"
    assert changes(kept, project.resolve(COURSE)) == []
    assert changes(kept, project.resolve(COURSE, upgrade=True)) == [
        "venv x86_64, environment course",
        "  ~ pip greet 1.0 → 2.0",
        "  + pip only-new 1.0 for python_full_version >= '3.14'",
    ]


def test_what_is_new_is_counted_by_itself(project: Project) -> None:
    before = project.locked()
    assert summary(before, project.resolve(COURSE)) == ["venv x86_64, environment course: 4 packages"]


@pytest.mark.parametrize(
    ("locked", "wanted", "says"),
    [
        ("[]", "[{name: course, packages: [greet]}]", "environment course is new"),
        ("[{name: course, packages: [greet]}]", "[]", "environment course is gone"),
        (
            "[{name: course, packages: [greet]}]",
            "[{name: course, packages: [greet, picky]}]",
            "environment course: packages: picky is new",
        ),
    ],
)
def test_a_lock_of_other_environments_is_refused(
    project: Project, locked: str, wanted: str, says: str
) -> None:
    project.locked(f"python.environments={locked}")
    told = project.problem(f"python.environments={wanted}")
    assert (
        told == f"manifest.lock:5:5 packages.venv.x86_64: is of another manifest ({says}): run `invoke lock`"
    )


def test_without_a_lock_their_packages_are_not_reproducible(project: Project) -> None:
    assert project.load("python.packages=[]", COURSE).unlocked == ("greet",)


def test_rebuild_sees_a_changed_lock_and_says_where(project: Project) -> None:
    project.locked("python.environments=[{name: course, packages: [greet<2]}]")
    project.locked(COURSE)
    first = Inputs.from_manifest(project.load(COURSE), BASE, "debian")
    project.locked(COURSE, upgrade=True)
    assert input_changes(Inputs.from_manifest(project.load(COURSE), BASE, "debian"), first.tags()) == [
        "lock of python's pip packages in the environment course changed"
    ]


@pytest.fixture(scope="module")
def mirror() -> Iterator[Mirror]:
    yield from test_conda.mirror.__wrapped__()  # type: ignore[attr-defined]


def test_condas_have_a_python_of_their_own(project: Project, mirror: Mirror) -> None:
    (project.folder / "environment.yml").write_text(
        "dependencies: [python=3.14, base, conda-forge::lab, {pip: [picky, kernel]}]\n"
    )
    forge = (
        "python.distribution=miniforge",
        f"python.installers.miniforge={INSTALLER}",
        f"builder.mirrors.conda={mirror.url}/conda/",
        "python.environments=[{name: course, file: environment.yml}]",
    )
    found = course(project.locked(*forge), "miniforge")
    assert re.findall(r"/([a-z]+-[\d.]+)-0\.conda#", found.conda) == ["base-2.0", "lab-7.0", "python-3.14.0"]
    assert re.findall(r"^(\S+==\S+)", found.pip, re.MULTILINE) == ["base==2.0", "kernel==1.0", "picky==1.0"]
    assert set(project.load(*forge).provisioners[0].lock_files) == {
        "pip",
        "environments/course/conda",
        "environments/course/pip",
    }
