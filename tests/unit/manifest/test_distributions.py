"""The users' Python in the manifest: installers, channels and Anaconda's terms, told beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from build.errors import ManifestError
from build.manifest import load

if TYPE_CHECKING:
    from tests.unit.manifest.conftest import Project

SHIPPED = Path(__file__).parents[3] / "manifest.yaml"
DIGEST = "a" * 64
INSTALLER = (
    f"{{version: '1', urls: ['https://x.test/{{version}}-{{arch}}.sh', 'file:///srv/i.sh'], sha256: "
    f"{{x86_64: {DIGEST}}}}}"
)
FORGE = ("python.distribution=miniforge", f"python.installers.miniforge={INSTALLER}")
ANACONDA = ("python.distribution=anaconda", f"python.installers.anaconda={INSTALLER}")


def test_the_shipped_one_needs_nothing_but_debian_and_pypi_here() -> None:
    assert load(SHIPPED, cloud="local").python.distribution == "venv"


def test_the_shipped_one_says_what_to_accept_for_aws() -> None:
    with pytest.raises(ManifestError) as caught:
        load(SHIPPED, cloud="aws")
    (problem,) = caught.value.problems
    assert problem.key == "python.accept_terms"
    assert "https://www.anaconda.com/legal/terms/terms-of-service" in problem.message
    assert (
        load(SHIPPED, cloud="aws", overrides=["python.accept_terms=true"]).python.distribution == "anaconda"
    )
    assert (
        load(SHIPPED, cloud="aws", overrides=["python.distribution=miniforge"]).python.distribution
        == "miniforge"
    )


def test_who_installs_nothing_accepts_nothing() -> None:
    assert load(SHIPPED, cloud="aws", building=False).cloud == "aws"


@pytest.mark.parametrize("distribution", ["anaconda", "miniforge"])
@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_installers_are_pinned_for_both_architectures(distribution: str, architecture: str) -> None:
    chosen = [
        f"python.distribution={distribution}",
        f"base.architecture={architecture}",
        "python.accept_terms=true",
    ]
    assert load(SHIPPED, cloud="aws", overrides=chosen).python.distribution == distribution


@pytest.mark.parametrize(
    ("overrides", "key", "says"),
    [
        (("python.distribution=miniforge",), "python.installers.miniforge", "version, urls and sha256"),
        ((*FORGE, "base.architecture=arm64"), "python.installers.miniforge.sha256", "none for aarch64"),
        (ANACONDA, "python.accept_terms", "terms"),
        ((*FORGE, "python.channels=[conda-forge, defaults]"), "python.channels.1", "Anaconda's terms"),
        (
            (*FORGE, "python.channels=['https://repo.anaconda.com/pkgs/main']"),
            "python.channels.0",
            "Anaconda's terms",
        ),
        (("python.conda_packages=[numpy]",), "python.conda_packages", "distribution miniforge"),
        (("python.distribution=conda",), "python.distribution", "miniforge"),
        (
            (
                "python.distribution=miniforge",
                "python.installers.miniforge=" + INSTALLER.replace(DIGEST, "abc"),
            ),
            "sha256",
            "64",
        ),
    ],
)
def test_what_cannot_be_installed_is_told(
    project: Project, overrides: tuple[str, ...], key: str, says: str
) -> None:
    told = project.problems(*overrides)
    assert any(key in line.replace("[", ".").replace("]", "") and says in line for line in told), told


def test_who_has_accepted_may_use_defaults(project: Project) -> None:
    assert project.load(
        *ANACONDA, "python.accept_terms=true", "python.channels=[defaults]"
    ).python.channels == ("defaults",)
