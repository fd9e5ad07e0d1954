"""Each profile has a section of its own in the lock; profiles that ask for the same may share one, and an
older lock is still read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from build.lock.diff import changes, summary
from tests.unit.lock.test_lock import versions

if TYPE_CHECKING:
    from tests.unit.lock.conftest import Project

PROFILES = """\
profiles:
  old: {python: {packages: ["greet<2"]}}
  bare: {python: {packages: []}}
  same: {image: {description: "asks for the same"}}
"""


@pytest.fixture
def profiled(project: Project) -> Project:
    project.manifest.write_text(project.manifest.read_text() + PROFILES)
    return project


def given(project: Project, *profiles: str) -> str:
    return project.load(profiles=profiles).provisioners[0].lock_files["pip"]


def test_none_takes_the_place_of_another(profiled: Project) -> None:
    plain = profiled.locked()
    profiled.locked(profiles=["old"])
    both = profiled.locked(profiles=["bare"])
    assert set(both.profiles) == {"old", "bare"}
    assert both.packages == plain.packages
    assert "greet==2.0" in given(profiled)
    assert "greet==1.0" in given(profiled, "old")
    assert "greet" not in given(profiled, "bare")
    assert profiled.resolve(profiles=["old"]) == both
    assert profiled.resolve() == both


def test_what_is_said_names_the_profile(profiled: Project) -> None:
    before = profiled.locked()
    after = profiled.locked(profiles=["old"])
    assert summary(before, after) == ["venv x86_64 with old: 3 packages"]
    assert changes(after, profiled.resolve("python.packages=[]", profiles=["old"])) == [
        "venv x86_64 with old",
        "  ~ what the manifest asks for",
        "  - pip greet 1.0",
    ]


def test_two_profiles_at_once_are_a_third(profiled: Project) -> None:
    profiled.locked(profiles=["same", "old"])
    assert list(profiled.locked(profiles=["old"]).profiles) == ["same+old", "old"]


def test_what_asks_for_the_same_shares_a_section_until_it_has_its_own(profiled: Project) -> None:
    profiled.locked("python.packages=[greet<2]")
    profiled.locked()  # greet 1.0 still fits
    assert "greet==1.0" in given(profiled, "same")
    upgraded = profiled.locked(upgrade=True, profiles=["same"])
    assert versions(upgraded)["greet"] == "1.0"
    assert "greet==1.0" in given(profiled)
    assert "greet==2.0" in given(profiled, "same")


def test_what_asks_for_the_same_as_another_profile_takes_its_section(profiled: Project) -> None:
    profiled.locked(profiles=["old"])
    profiled.locked(profiles=["same"])
    assert "greet==2.0" in given(profiled)


def test_a_profile_that_is_not_locked_is_told_what_to_run(profiled: Project) -> None:
    profiled.locked(profiles=["old"])
    told = (
        "manifest.lock:1:1 packages.venv: nothing is locked for profile bare: run `invoke lock --profile "
        "bare`"
    )
    assert profiled.problem(profiles=["bare"]) == told
    assert "nothing is locked for a manifest without profiles: run `invoke lock`" in profiled.problem()


def test_another_cloud_is_locked_by_its_own_options(profiled: Project) -> None:
    profiled.manifest.write_text(
        profiled.manifest.read_text()
        + "  aws: {python: {packages: [lab]}}\n  local: {python: {packages: [base]}}\n"
    )
    profiled.locked()
    assert profiled.problem("cloud=aws").endswith(
        "nothing is locked for profile aws: run `invoke lock --cloud aws`"
    )
    assert profiled.problem(profiles=["old"]).endswith(
        "nothing is locked for profiles local and old: run `invoke lock --profile old`"
    )


def test_a_stale_section_is_told_with_its_place(profiled: Project) -> None:
    profiled.locked()
    profiled.locked(profiles=["old"])
    profiled.manifest.write_text(profiled.manifest.read_text().replace("greet<2", "greet<3"))
    (line,) = [
        number
        for number, text in enumerate(profiled.lock.read_text().splitlines(), 1)
        if text == "      x86_64:"
    ]
    assert profiled.problem(profiles=["old"]) == (
        f"manifest.lock:{line}:7 profiles.old.venv.x86_64: is of another manifest (packages: greet<3 "
        "is new; packages: greet<2 is gone):"
        " run `invoke lock --profile old`"
    )
    profiled.load()


def test_a_lock_without_sections_is_read_and_its_pins_are_kept(profiled: Project) -> None:
    profiled.locked("python.packages=[greet<2]")
    older = profiled.lock.read_text()
    assert "profiles:" not in older
    assert "greet==1.0" in given(profiled, "old")
    own = profiled.locked(profiles=["same"])  # asks for greet, of any version
    assert "greet==1.0" in own.profiles["same"]["venv"]["x86_64"].pip
    assert profiled.lock.read_text().startswith(older)
