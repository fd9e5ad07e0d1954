"""Miniforge and Anaconda on machines: baked as the shipped manifest is, served by the hub, used by people,
installed into by admins.

Installer and channel are the tests' own (mirror.py), which machines reach as they would a site's. Builds
start from the layer that an earlier one left before `python`. Anaconda's leaves out the image tests of other
provisioners, which Miniforge's runs.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

from tests.cloud.distributions import mirror as mirrors
from tests.cloud.distributions.site import ENVIRONMENT, Site, without_layers
from tests.cloud.distributions.test_distributions import FILE
from tests.cloud.project import Project
from tests.cloud.test_golden_image import results
from tests.cloud.workshop import REPO, Workshop

# A bake each on Debian, a quarter of an hour and more without KVM.
pytestmark = [pytest.mark.vm, pytest.mark.exhaustive]
PEOPLE = {
    "test_a_notebook_has_what_the_list_names",
    "test_an_ordinary_user_makes_an_environment",
    "test_a_kernel_made_in_a_shell_is_in_jupyterlab",
    "test_an_admin_installs_and_all_see_it",
    "test_an_ordinary_user_does_not",
}
CLIENTS = ("conftest", "hub_client", "kernel_client", "turns")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, workshop: Workshop) -> Iterator[Site]:
    """The shipped manifest in its own folder, with an environment.yml and tests of what people do."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(REPO / "manifest.yaml", folder)
    (folder / "provisioners").symlink_to(REPO / "provisioners")
    shutil.copytree(
        REPO / "tests/image", folder / "tests/image", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(
        Path(__file__).parent / "image",
        folder / "tests/image/python",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    files = {FILE: mirrors.installer(), **mirrors.channel(tmp_path_factory.mktemp("channel"))}
    with mirrors.serving(files) as mirror:
        site = Site(Project(folder, workshop), mirror)
        (folder / "tests/image/python/mirror.txt").write_text(site.url)
        yield site


@pytest.fixture(scope="module")
def miniforge(site: Site) -> str:
    """Its image, from a lock."""
    site.lock("miniforge")
    site.mirror.asked.clear()
    site.mirror.breaks_off.add(FILE)
    done = site.bake("miniforge")
    assert done.status == 0, done.err[-20_000:]
    assert "not reproducible" not in done.err
    return done.last


def see_people_at_work(workshop: Workshop, image: str) -> None:
    """Everything passed on each machine, and none of it was passed over where it belongs."""
    record = workshop.record(image)
    assert [test["stage"] for test in record["tests"]] == ["builder", "candidate", "rebooted", "outside"]
    assert all(test["passed"] > 0 and test["failed"] == 0 for test in record["tests"])
    outcomes = results(workshop, record["run"]["id"], "candidate")
    assert {name: outcomes.get(name) for name in PEOPLE} == dict.fromkeys(PEOPLE, "passed")
    again = results(workshop, record["run"]["id"], "rebooted")
    assert again["test_a_notebook_has_what_the_list_names"] == "passed"


def test_people_work_with_miniforge(workshop: Workshop, miniforge: str) -> None:
    see_people_at_work(workshop, miniforge)


def test_the_machine_took_what_was_locked_and_nothing_else(site: Site, miniforge: str) -> None:
    # The first address is dead, the second breaks off half-way.
    half = f"bytes={len(site.mirror.files[FILE]) // 2}-"
    assert site.mirror.asked[:3] == [("/gone.sh", None), (FILE, None), (FILE, half)]
    # Later askers are the people of the image tests, who ask conda for whatever they like.
    asked = [path for path, _ in site.mirror.asked if path.startswith("/conda/")]
    locked = list(takewhile(lambda path: "repodata" not in path, asked))
    assert "/conda/conda-forge/noarch/greeting-1.0-0.tar.bz2" in locked
    assert sorted(re.sub(r".*/|-\d.*", "", path) for path in locked) == [
        "greeting",
        *(("packaging", "python") if mirrors.WANTED else ()),
    ]
    assert site.project.workshop.record(miniforge)["unlocked"] == []


def test_the_record_lists_packages_with_versions_and_licences(site: Site, miniforge: str) -> None:
    record = site.project.workshop.record(miniforge)
    assert record["packages"]["conda /opt/anaconda"]["greeting"] == "1.0"
    assert record["packages"]["/opt/anaconda"]["cowsay"] == "6.0"
    assert record["licences"]["/opt/anaconda"]["packaging"] == "Apache-2.0 OR BSD-2-Clause"
    assert record["bytes"]["/opt/anaconda"] > 10**8


def test_the_images_own_tests_saw_the_lock(site: Site, miniforge: str) -> None:
    run = site.project.workshop.record(miniforge)["run"]["id"]
    builder = results(site.project.workshop, run, "builder")
    assert builder["test_what_was_locked_is_what_is_there"] == "passed"
    assert builder["test_nobody_is_stopped_by_terms_they_have_not_accepted"] == "passed"


def test_a_lock_of_another_platform_is_refused_before_anything_is_launched(
    site: Site, workshop: Workshop
) -> None:
    site.lock("miniforge")
    before = workshop.listing()
    refused = site.bake("miniforge", "--set", "base.architecture=arm64")
    assert (refused.status, refused.out) == (2, "")
    assert "is locked for x86_64, not for aarch64" in " ".join(refused.err.split())
    assert workshop.listing() == before


@pytest.mark.parametrize("wrong", ["checksum", "half a file", "package"])
def test_what_goes_wrong_on_the_machine_is_told_and_nothing_is_left(
    site: Site, workshop: Workshop, wrong: str
) -> None:
    (site.project.folder / "manifest.lock").unlink(missing_ok=True)
    site.want(
        ENVIRONMENT.format(older="", older_of_pip="").replace(
            "greeting", "no-such-package" if wrong == "package" else "greeting"
        )
    )
    half = f"/Half-1.0-{FILE.rpartition('-')[2]}"
    site.mirror.files[half] = site.mirror.files[FILE][: len(site.mirror.files[FILE]) // 2]
    chosen, says = {
        "checksum": (
            site.options("miniforge", site.url, digest="0" * 64),
            f"its sha256 is {site.mirror.sha256(FILE)}",
        ),
        "half a file": (
            site.options("miniforge", site.url, file="Half"),
            f"its sha256 is {site.mirror.sha256(half)}",
        ),
        "package": (site.options("miniforge", site.url), "PackagesNotFoundError"),
    }[wrong]
    before = without_layers(workshop)
    done = site.bake_with(chosen)
    assert (done.status, done.out) == (1, "")
    said = " ".join(done.err[done.err.index("error:") :].split())
    assert "provisioner python ended with status" in said
    assert says in said
    assert ("nothing was run" in said) == (wrong != "package")
    assert "Traceback" not in done.err
    assert without_layers(workshop) == before


def test_people_work_with_anaconda_once_its_terms_are_accepted(site: Site, workshop: Workshop) -> None:
    (site.project.folder / "manifest.lock").unlink(missing_ok=True)
    for file in (site.project.folder / "tests/image").glob("**/*.py"):
        if file.stem not in (*CLIENTS, "test_python", "test_shared", "test_sealed"):
            file.unlink()
    site.want(ENVIRONMENT.format(older="<2", older_of_pip="<6.1"))
    before = workshop.listing()
    refused = site.bake("anaconda")
    assert (refused.status, refused.out) == (2, "")
    assert "python.accept_terms" in refused.err
    assert workshop.listing() == before
    done = site.bake("anaconda", "--set", "python.accept_terms=true")
    assert done.status == 0, done.err[-20_000:]
    assert "not reproducible" in done.err
    see_people_at_work(workshop, done.last)
    assert workshop.record(done.last)["licences"]["conda /opt/anaconda"]["greeting"] == "BSD-3-Clause"
