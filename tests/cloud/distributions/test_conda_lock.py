"""Miniforge with a lock: conda and pip install exactly its files, and the builder solves nothing."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from build.lock.resolve import resolve
from build.lock.write import write
from build.manifest import Manifest, load
from build.manifest.packages.lockfile_format import Lock
from tests.cloud.distributions import mirror as mirrors
from tests.cloud.distributions.mirror import Mirror
from tests.cloud.distributions.overlay import (
    PREFIX,
    Done,
    Root,
    overlay,
    the_images_own_test_agrees_with_the_lock,
)
from tests.cloud.distributions.test_distributions import FILE, standin_only

REPO = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="lays an overlay over this system's files, which needs root"
)
ENVIRONMENT = f"""\
channels: [conda-forge]
dependencies:
  - greeting
{"".join(f"  - {name}" for name in mirrors.WANTED)}
  - pip:
      - cowsay
"""


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    files = {FILE: mirrors.installer(), **mirrors.channel(tmp_path_factory.mktemp("channel"))}
    with mirrors.serving(files) as serving:
        yield serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped manifest in a folder of its own, with an environment.yml beside it."""
    made = tmp_path_factory.mktemp("locked")
    (made / "manifest.yaml").write_bytes((REPO / "manifest.yaml").read_bytes())
    (made / "environment.yml").write_text(ENVIRONMENT)
    for name in ("provisioners", "tests"):
        (made / name).symlink_to(REPO / name)
    return made


def python() -> str:
    """Of this system, which the stand-in takes."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run(
        ["/usr/bin/python3", "-c", ask], capture_output=True, text=True, check=True
    ).stdout.strip()


def options(mirror: Mirror) -> list[str]:
    digest = mirror.sha256(FILE)
    installer = (
        f"{{version: '1.0', python: '{python()}', urls: ['{mirror.url}{FILE}'], sha256: {{x86_64: "
        f"{digest}, aarch64: {digest}}}}}"
    )
    return [
        "python.distribution=miniforge",
        f"python.installers.miniforge={installer}",
        f"builder.mirrors.conda={mirror.url}/conda",
        "python.environment=environment.yml",
    ]


def locked(
    folder: Path, mirror: Mirror, before: Lock, environment: str = ENVIRONMENT
) -> tuple[Manifest, Lock]:
    """The manifest with this environment.yml, and with a lock of it that keeps what an earlier one had."""
    (folder / "environment.yml").write_text(environment)
    chosen = options(mirror)
    made = resolve(
        load(folder / "manifest.yaml", cloud="local", overrides=chosen, building=False), before, upgrade=False
    )
    write(made, folder / "manifest.lock")
    return load(folder / "manifest.yaml", cloud="local", overrides=chosen), made


@pytest.fixture(scope="module")
def made(
    folder: Path, mirror: Mirror, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Root, Manifest]]:
    """/opt/anaconda from a lock that was made when neither conda nor pip had anything newer."""
    older = ENVIRONMENT.replace("- greeting", "- greeting<2").replace("- cowsay", "- cowsay<6.1")
    chosen, _ = locked(folder, mirror, locked(folder, mirror, Lock(), older)[1])
    with overlay(tmp_path_factory.mktemp("overlay")) as root:
        root.lay(chosen, "base")
        mirror.asked.clear()
        done = root.provision(chosen, "python", mirror.url)
        assert done.status == 0, done.said
        root.run("useradd --key UID_MIN=2000 --create-home --shell /bin/bash ada")
        yield root, chosen


def test_it_has_the_locked_versions_of_both(made: tuple[Root, Manifest]) -> None:
    root, _ = made
    assert root.as_user("ada", "greeting").said == "greeting 1.0"
    assert (
        root.run(
            f"{PREFIX}/bin/python -c 'import importlib.metadata as m; print(m.version(\"cowsay\"))'"
        ).said
        == "6.0"
    )
    assert root.as_user("ada", "jupyterhub-singleuser --version").status == 0


def test_conda_was_asked_for_these_files_and_worked_nothing_out(
    made: tuple[Root, Manifest], mirror: Mirror
) -> None:
    asked = [path for path, _ in mirror.asked if path.startswith("/conda/")]
    assert "/conda/conda-forge/noarch/greeting-1.0-0.tar.bz2" in asked
    assert sorted(re.sub(r".*/|-\d.*", "", path) for path in asked) == [
        "greeting",
        *(("packaging", "python") if mirrors.WANTED else ()),
    ]


@standin_only
def test_what_the_installer_brought_is_left_as_it_is(made: tuple[Root, Manifest]) -> None:
    root, chosen = made
    (use,) = [use for use in chosen.provisioners if use.given]
    assert re.search(r"^six==", use.given["pip"], re.MULTILINE)  # a newer one
    assert (
        root.run(f"{PREFIX}/bin/python -c 'import importlib.metadata as m; print(m.version(\"six\"))'").said
        == "1.16.0"
    )


@standin_only
def test_what_conda_brings_is_none_of_pips(made: tuple[Root, Manifest]) -> None:
    root, _ = made
    found = (
        "import importlib.metadata as m, packaging; print(m.distribution('packaging').read_text('INSTALLER'))"
    )
    assert root.as_user("ada", f'python -c "{found}"').said == "conda"


def test_the_images_own_test_finds_the_lock_and_agrees(made: tuple[Root, Manifest]) -> None:
    the_images_own_test_agrees_with_the_lock(*made)


def test_run_again_it_finds_nothing_to_do(made: tuple[Root, Manifest], mirror: Mirror) -> None:
    root, chosen = made
    before = len(mirror.asked)
    assert root.provision(chosen, "python", mirror.url).said == f"{PREFIX} is as it should be"
    assert len(mirror.asked) == before


def begun_again(made: tuple[Root, Manifest], mirror: Mirror, old: str, new: str) -> Done:
    """Another build on this system, with another text for conda in the lock."""
    root, chosen = made
    root.run(f"rm -r {PREFIX}")
    uses = (
        replace(use, given=use.given and {**use.given, "conda": re.sub(old, new, use.given["conda"])})
        for use in chosen.provisioners
    )
    return root.provision(replace(chosen, provisioners=tuple(uses)), "python", mirror.url)


def test_a_file_with_another_hash_is_not_installed(made: tuple[Root, Manifest], mirror: Mirror) -> None:
    done = begun_again(made, mirror, "(greeting-)1(.*sha256:).*", rf"\g<1>2\g<2>{'0' * 64}")
    assert done.status != 0
    assert "hash mismatch" in done.said.lower(), done.said
    assert made[0].run(f"ls {PREFIX}/bin/greeting {PREFIX}/.hubsmith").status != 0


def test_a_python_that_conda_could_not_run_on_is_refused(made: tuple[Root, Manifest], mirror: Mirror) -> None:
    another = f"conda-forge/linux-64/python-3.99.0-0.conda#sha256:{'0' * 64}\n"
    done = begun_again(made, mirror, r"(?s)\A(.*?)([^\n]*/python-[^\n]*\n)?\Z", rf"\g<1>{another}")
    assert done.status != 0
    assert "the lock has Python 3.99 and the installer of miniforge brings 3." in done.said
    assert "say so in python.installers.miniforge.python, then run invoke lock" in done.said
