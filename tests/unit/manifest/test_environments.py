"""python.environments: what is in each, and every mistake with its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import pytest

from build.bake.inputs.fingerprint import chain, parts
from build.manifest import environment as variables
from build.manifest.schema.environments import package_name

if TYPE_CHECKING:
    from tests.unit.manifest.conftest import Project

INSTALLER = f"{{version: '1', urls: ['https://x.test/i.sh'], sha256: {{x86_64: {'a' * 64}}}}}"
FORGE = ("python.distribution=miniforge", f"python.installers.miniforge={INSTALLER}")
PYTHON = """\
summary: Python.
lock: {environments: [ipykernel, pip]}
variables:
  distribution: {from: python.distribution}
  packages: {from: python.packages, type: list}
  channels: {from: python.channels, type: list}
  environments: {from: python.environments, type: list}
"""
FILE = """\
name: elsewhere
channels: [bioconda]
dependencies:
  - python=3.12
  - r-base
  - pip:
      - cowsay
"""
LISTED = """\
  packages: [numpy]
  environments:
    - name: course
      packages: [cowsay]
    - {name: other, file: environment.yml}
"""


@pytest.fixture
def project(project: Project) -> Project:
    project.provisioner("python", PYTHON)
    project.edit("  - base\n", "  - base\n  - python\n")
    return project


def given(project: Project, *overrides: str) -> tuple[Mapping[str, object], ...]:
    """What the provisioner gets."""
    values = project.load(*overrides).provisioners[1].values
    return cast(tuple[Mapping[str, object], ...], values["environments"])


def test_without_any_nothing_is_made(project: Project) -> None:
    assert given(project) == ()
    assert variables(project.load().provisioners[1])["ENVIRONMENTS"] == ""


def test_each_is_a_line_with_the_kernel_added(project: Project) -> None:
    use = project.load("python.environments=[{name: a, packages: [x>1]}, {name: b, packages: [y]}]")
    assert variables(use.provisioners[1])["ENVIRONMENTS"].splitlines() == [
        '{"name": "a", "packages": ["ipykernel", "pip", "x>1"]}',
        '{"name": "b", "packages": ["ipykernel", "pip", "y"]}',
    ]


def test_a_kernel_of_ones_own_version_stays(project: Project) -> None:
    (made,) = given(project, "python.environments=[{name: a, packages: ['IPyKernel<7', x]}]")
    assert made["packages"] == ("pip", "IPyKernel<7", "x")


def test_a_file_is_read_and_its_channels_go_first(project: Project) -> None:
    (project.folder / "environment.yml").write_text(FILE)
    (made,) = given(project, *FORGE, "python.environments=[{name: a, file: environment.yml}]")
    assert made == {
        "name": "a",
        "channels": ("bioconda", "conda-forge"),
        "conda_packages": ("ipykernel", "pip", "python=3.12", "r-base"),
        "packages": ("cowsay",),
    }


def test_conda_brings_python_where_the_file_says_nothing_of_it(project: Project) -> None:
    (project.folder / "environment.yml").write_text("dependencies:\n  - pip: [cowsay, ipykernel]\n")
    (made,) = given(project, *FORGE, "python.environments=[{name: a, file: environment.yml}]")
    assert made["conda_packages"] == ("pip", "python")
    assert made["packages"] == ("cowsay", "ipykernel")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("numpy>=2", "numpy"),
        ("conda-forge::IPy_Kernel=6", "ipy-kernel"),
        ("a.b[c]; python_version > '3'", "a-b"),
        ("https://mirror.test/forge::r-base", "r-base"),
    ],
)
def test_names_of_packages_are_found(text: str, name: str) -> None:
    assert package_name(text) == name


def test_a_change_makes_the_provisioner_due_and_no_earlier_one(project: Project) -> None:
    def made_of(*overrides: str) -> tuple[list[str], dict[str, str]]:
        uses = project.load(*overrides).provisioners
        return [each.digest for each in chain("ami-1", uses)], parts(uses[1])

    (project.folder / "environment.yml").write_text(FILE)
    before, old = made_of(*FORGE, "python.environments=[{name: a, file: environment.yml}]")
    (project.folder / "environment.yml").rename(project.folder / "renamed.yml")
    same, _ = made_of(*FORGE, "python.environments=[{name: a, file: renamed.yml}]")
    assert same == before
    (project.folder / "renamed.yml").write_text(FILE.replace("cowsay", "cowsay>5"))
    after, new = made_of(*FORGE, "python.environments=[{name: a, file: renamed.yml}]")
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, False]
    assert {name for name in new if new[name] != old[name]} == {"variable:environments"}


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        ("name: course", "name: Course", "20:13", "name: should be a name of small letters, digits, _ and -"),
        ("name: course", "name: ../x", "20:13", "name: should be a name of small letters"),
        ("name: course", "name: 7", "20:13", "name: should be text"),
        ("name: course", "name: other", "22:14", "environments.1.name: other is there twice"),
        ("name: course", "name: python3", "20:13", "python3 is the kernel of /opt/anaconda: choose another"),
        ("name: course", "name: base", "20:13", "base is conda's name for /opt/anaconda"),
        ("packages: [cowsay]", "packages: [cow say]", "21:18", "should be a package as pip takes it"),
        ("packages: [cowsay]", "pakages: [cowsay]", "21:7", "unknown key; did you mean 'packages'?"),
        ("packages: [cowsay]", "packages: []", "20:7", "needs packages, or the file of an environment.yml"),
        ("packages: [cowsay]", "file: ../x.yml", "21:13", "file: should be a file in the folder"),
        ("environment.yml}", "absent.yml}", "22:27", "file: there is no absent.yml beside the manifest"),
    ],
)
def test_mistakes_are_told_with_their_place(
    project: Project, old: str, new: str, place: str, says: str
) -> None:
    (project.folder / "environment.yml").write_text(FILE)
    assert old in LISTED
    project.edit("  packages: [numpy]\n", LISTED.replace(old, new, 1))
    told = project.problems(*FORGE)
    assert any(line.startswith(f"manifest.yaml:{place} ") and says in line for line in told), told


def test_mistakes_of_a_file_are_told_with_its_line(project: Project) -> None:
    project.edit("  packages: [numpy]\n", LISTED)
    (project.folder / "environment.yml").write_text(FILE.replace("- r-base", "- r base !"))
    (told,) = project.problems(*FORGE)
    assert told.startswith("environment.yml:5:5 dependencies.1: should be a package as conda takes it")
    (project.folder / "environment.yml").write_text(FILE.replace("[bioconda]", "[defaults]"))
    (told,) = project.problems(*FORGE)
    assert told.startswith("environment.yml:2:12 channels: defaults comes under Anaconda's terms")
    (project.folder / "environment.yml").write_text("dependencies: [")
    assert project.problems(*FORGE)[0].startswith("environment.yml:1:")


@pytest.mark.parametrize("key", ["file: environment.yml", "conda_packages: [r-base]"])
def test_a_venv_has_no_conda_for_them(project: Project, key: str) -> None:
    (project.folder / "environment.yml").write_text(FILE)
    (told,) = project.problems(f"python.environments=[{{name: a, {key}}}]")
    assert f"python.environments.0.{key.partition(':')[0]}: needs conda, which a venv has not" in told


def test_channels_are_of_condas_packages_and_under_terms(project: Project) -> None:
    (told,) = project.problems(*FORGE, "python.environments=[{name: a, packages: [x], channels: [y]}]")
    assert "channels: are asked for conda_packages, and there are none" in told
    (told,) = project.problems(
        *FORGE, "python.environments=[{name: a, conda_packages: [x], channels: [defaults]}]"
    )
    assert "channels.0: defaults comes under Anaconda's terms" in told
