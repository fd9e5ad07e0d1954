"""conda's packages in a lock: exact files for each kind of processors, the installer's Python, and pip within
what conda brings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from build.errors import HubsmithError, UserError
from build.lock.diff import changes
from build.manifest.packages.lockfile_format import Lock
from tests.cloud.distributions import mirror as mirrors
from tests.cloud.distributions.mirror import Mirror

if TYPE_CHECKING:
    from tests.unit.lock.conftest import Project

INSTALLER = (
    f"{{version: '1', python: '3.13', urls: ['https://x.test/i.sh'], sha256: {{x86_64: {'a' * 64}, "
    f"aarch64: {'b' * 64}}}}}"
)


def package(
    name: str, version: str, *needs: str, subdir: str = "noarch", python: bool = False
) -> tuple[str, str, dict[str, object]]:
    facts = {
        "name": name,
        "version": version,
        "build": "0",
        "build_number": 0,
        "depends": needs,
        "subdir": subdir,
    }
    kind = {"noarch": "python"} if python else {"noarch": "generic"} if subdir == "noarch" else {}
    return (
        subdir,
        f"{name}-{version}-0.conda",
        {**facts, **kind, "sha256": (name + version).encode().hex().ljust(64, "0")},
    )


PACKAGES = (
    package("greeting", "1.0"),
    package("greeting", "2.0"),
    *(
        package("python", version, subdir=subdir)
        for version in ("3.13.1", "3.13.2", "3.14.0")
        for subdir in ("linux-64", "linux-aarch64")
    ),
    package("fast", "1.0", "__glibc >=2.17", "__archspec", subdir="linux-64"),
    package("base", "2.0", "python >=3.9", python=True),
    package("lab", "7.0"),  # no Python package: it has only the name of one
)


@pytest.fixture(scope="module")
def mirror() -> Iterator[Mirror]:
    files = {}
    for subdir in ("noarch", "linux-64", "linux-aarch64"):
        listed = {file: facts for where, file, facts in PACKAGES if where == subdir}
        document = {
            "info": {"subdir": subdir},
            "packages": {},
            "packages.conda": listed,
            "repodata_version": 1,
        }
        files[f"/conda/conda-forge/{subdir}/repodata.json"] = json.dumps(document).encode()
    with mirrors.serving(files) as serving:
        yield serving


@pytest.fixture
def forge(project: Project, mirror: Mirror) -> tuple[str, ...]:
    """What makes the project's manifest one of Miniforge."""
    return (
        "python.distribution=miniforge",
        f"python.installers.miniforge={INSTALLER}",
        f"builder.mirrors.conda={mirror.url}/conda/",
    )


def conda(lock: Lock, arch: str = "x86_64") -> list[str]:
    return [line.partition("#")[0] for line in lock.packages["miniforge"][arch].conda.splitlines()]  # type: ignore[index]


def test_files_are_pinned_with_their_hashes_and_no_host(project: Project, forge: tuple[str, ...]) -> None:
    lock = project.locked(*forge, "python.conda_packages=[greeting, conda-forge::fast]")
    assert lock.packages["miniforge"]["x86_64"].conda == (
        f"conda-forge/linux-64/fast-1.0-0.conda#sha256:{b'fast1.0'.hex():0<64}\n"
        f"conda-forge/noarch/greeting-2.0-0.conda#sha256:{b'greeting2.0'.hex():0<64}\n"
    )
    assert "127.0.0.1" not in project.lock.read_text()
    (use,) = project.load(*forge, "python.conda_packages=[greeting, conda-forge::fast]").provisioners
    assert use.lock_files == lock.packages["miniforge"]["x86_64"].lock_files
    assert set(use.lock_files) == {"conda", "pip"}


def test_python_is_that_of_the_installer(project: Project, forge: tuple[str, ...]) -> None:
    assert conda(project.resolve(*forge, "python.conda_packages=[python]")) == [
        "conda-forge/linux-64/python-3.13.2-0.conda"
    ]
    with pytest.raises(UserError) as caught:
        project.resolve(*forge, "python.conda_packages=['python=3.14']")
    assert "conda packages cannot be locked for x86_64" in str(caught.value)


def test_each_kind_of_processors_has_its_own_files(project: Project, forge: tuple[str, ...]) -> None:
    project.locked(*forge, "python.conda_packages=[python]")
    both = project.resolve(*forge, "python.conda_packages=[python]", "base.architecture=arm64")
    assert conda(both) == ["conda-forge/linux-64/python-3.13.2-0.conda"]
    assert conda(both, "aarch64") == ["conda-forge/linux-aarch64/python-3.13.2-0.conda"]
    with pytest.raises(UserError) as caught:
        project.resolve(*forge, "python.conda_packages=[fast]", "base.architecture=arm64")
    assert "cannot be locked for aarch64" in str(caught.value)
    assert "fast" in str(caught.value)


def test_pins_are_kept_until_an_upgrade(project: Project, forge: tuple[str, ...]) -> None:
    project.locked(*forge, "python.conda_packages=['greeting<2', python=3.13.1]")
    kept = project.locked(*forge, "python.conda_packages=[greeting, python]")
    assert conda(kept) == [
        "conda-forge/noarch/greeting-1.0-0.conda",
        "conda-forge/linux-64/python-3.13.1-0.conda",
    ]
    assert changes(
        kept, project.resolve(*forge, "python.conda_packages=[greeting, python]", upgrade=True)
    ) == [
        "miniforge x86_64",
        "  ~ conda greeting 1.0 0 → 2.0 0",
        "  ~ conda python 3.13.1 0 → 3.13.2 0",
    ]


def test_pip_takes_what_conda_brings_where_it_is_the_same_package(
    project: Project, forge: tuple[str, ...]
) -> None:
    lock = project.resolve(*forge, "python.conda_packages=[base, lab]", "python.packages=[picky]")
    pip = lock.packages["miniforge"]["x86_64"].pip
    assert "base==2.0 " in pip  # conda's, against the provisioner's own pin of 1.0
    assert "picky==1.0 " in pip  # which needs it
    assert "lab==1.0 " in pip


def test_a_venv_and_a_conda_have_a_place_each_in_one_lock(project: Project, forge: tuple[str, ...]) -> None:
    venv = project.locked()
    both = project.locked(*forge)
    assert both.packages["venv"] == venv.packages["venv"]
    project.load()
    project.load(*forge)
    told = project.problem(
        "python.distribution=anaconda", "python.accept_terms=true", f"python.installers.anaconda={INSTALLER}"
    )
    assert (
        told
        == "manifest.lock:1:1 packages.anaconda: nothing is locked for this distribution: run `invoke lock`"
    )


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("[absent-one]", "absent-one"),
        ("['greeting>9']", "greeting >9"),
        ("['greeting[nosuch=x]']", "nosuch"),
        ("[other::greeting]", "other"),
    ],
)
def test_what_cannot_be_had_is_one_message_and_nothing_is_left(
    project: Project, forge: tuple[str, ...], wanted: str, says: str
) -> None:
    with pytest.raises(UserError) as caught:
        project.locked(*forge, f"python.conda_packages={wanted}")
    assert str(caught.value).startswith("conda packages cannot be locked for x86_64: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(project.folder.glob("*.lock*"))


def test_a_channel_that_does_not_answer_is_no_mistake_of_the_manifest(
    project: Project, forge: tuple[str, ...]
) -> None:
    with pytest.raises(HubsmithError) as caught:
        project.locked(*forge, "python.conda_packages=[greeting]", "python.channels=[absent]")
    assert not isinstance(caught.value, UserError)
    assert "could not be locked for x86_64: " in str(caught.value)
    assert "absent" in str(caught.value)


def test_who_has_no_solver_is_told_how_to_get_it(
    project: Project, forge: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("build.lock.conda.find_spec", lambda name: None)
    project.locked(*forge)  # nothing of conda to lock
    with pytest.raises(HubsmithError) as caught:
        project.locked(*forge, "python.conda_packages=[greeting]")
    assert "py-rattler, which is not installed" in str(caught.value)
    assert "requirements-dev.txt" in str(caught.value.hint)
