"""Miniforge and Anaconda as /opt/anaconda: made, used, shared, and never half made.

No machine of these tests reaches their servers: a stand-in keeps the contract of their installers, and its
conda solves and installs with py-rattler. HUBSMITH_REAL_INSTALLER=/path/to/Miniforge3-….sh runs the same with
a real one.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

import pytest
from test_python import MISFITS

from build.manifest import Manifest, load
from tests.cloud.distributions import mirror as mirrors
from tests.cloud.distributions.mirror import Mirror
from tests.cloud.distributions.overlay import PREFIX, Root, overlay

REPO = Path(__file__).parents[3]
FILE = f"/Distribution-1.0-{platform.machine()}.sh"
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="lays an overlay over this system's files, which needs root"
)
standin_only = pytest.mark.skipif(mirrors.REAL is not None, reason="looks at what only the stand-in has")


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    files = {FILE: mirrors.installer(), **mirrors.channel(tmp_path_factory.mktemp("channel"))}
    with mirrors.serving(files) as serving:
        yield serving


def manifest(mirror: Mirror, distribution: str, *overrides: str) -> Manifest:
    """The shipped one with installer and channel of the mirror; the first address is dead."""
    installer = (
        f"{{version: '1.0', urls: ['{mirror.url}/gone/{{version}}.sh', "
        f"'{mirror.url}/Distribution-{{version}}-{{arch}}.sh'],"
        f" sha256: {{x86_64: {mirror.sha256(FILE)}, aarch64: {mirror.sha256(FILE)}}}}}"
    )
    chosen = [
        f"python.distribution={distribution}",
        f"python.installers.{distribution}={installer}",
        f"python.conda_packages={['greeting<2', *mirrors.WANTED]}",
    ]
    return load(REPO / "manifest.yaml", cloud="local", overrides=[*chosen, *overrides])


@pytest.fixture(
    scope="module",
    params=["miniforge", pytest.param("anaconda", marks=pytest.mark.matrix)],
)
def made(
    request: pytest.FixtureRequest, mirror: Mirror, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Root, Manifest]]:
    """A system with users made before, then /opt/anaconda, then users made after."""
    with overlay(tmp_path_factory.mktemp("overlay")) as root:
        mirror.breaks_off.add(FILE)
        chosen = manifest(mirror, request.param, "python.accept_terms=true", "python.packages=[cowsay]")
        root.run("useradd --key UID_MIN=2000 --create-home --shell /bin/bash before")
        root.lay(chosen, "base")
        done = root.provision(chosen, "python", mirror.url)
        assert done.status == 0, done.said
        root.run(
            "for name in after admin second; do useradd --key UID_MIN=2000 --create-home --shell /bin/bash "
            "$name; done"
        )
        # A site's own mirror, as its users' shells would know it.
        root.run(f"echo export CONDA_CHANNEL_ALIAS={mirror.url}/conda > /etc/profile.d/site.sh")
        root.run("usermod --append --groups anaconda admin; usermod --append --groups anaconda second")
        yield root, chosen


@pytest.fixture
def root(made: tuple[Root, Manifest]) -> Root:
    return made[0]


@standin_only
def test_a_dead_mirror_is_passed_over_and_a_broken_download_gone_on_with(
    made: tuple[Root, Manifest], mirror: Mirror
) -> None:
    asked = [(path, ranges) for path, ranges in mirror.asked if path.endswith(".sh")]
    assert asked[:2] == [("/gone/1.0.sh", None), (FILE, None)]
    assert asked[2][1] == f"bytes={len(mirror.files[FILE]) // 2}-"


def test_it_runs_a_notebook_server_of_the_hubs_version(root: Root) -> None:
    locked = "sed -n 's/^jupyterhub==//p' /usr/share/hubsmith/python/requirements.txt | cut -d' ' -f1"
    assert root.as_user("after", "jupyterhub-singleuser --version").said == root.run(locked).said
    listed = root.as_user("after", "jupyter kernelspec list").said
    assert f"{PREFIX}/share/jupyter/kernels/python3" in listed


def test_packages_of_conda_and_pip_are_there(root: Root) -> None:
    assert root.as_user("after", "greeting && python -c 'import cowsay; print(1)'").said == "greeting 1.0\n1"


@standin_only
def test_what_conda_brought_is_left_to_it(root: Root) -> None:
    # The lock has a newer six, which the installer brought, and the same packaging, which is on conda's list.
    found = (
        "import importlib.metadata as m, packaging; print(m.version('six'), "
        "m.distribution('packaging').read_text('INSTALLER'))"
    )
    assert root.as_user("after", f'python -c "{found}"').said == "1.16.0 conda"


@standin_only
def test_what_the_distributions_own_packages_lack_is_not_the_builds(root: Root) -> None:
    python = f"{PREFIX}/bin/python"
    assert root.run(f"{python} -m pip check").said == "odd 1.0 requires not-there, which is not installed."
    assert root.run(f"{python} -c {quote(MISFITS)}").said == ""
    metadata = f"{PREFIX}/lib/python3*/site-packages/cowsay-*.dist-info/METADATA"
    root.run(f"sed --in-place=.kept '/^Name:/aRequires-Dist: nor-this' {metadata}")
    assert root.run(f"{python} -c {quote(MISFITS)}").said.startswith("cowsay ")
    root.run(f"for file in {metadata}; do mv $file.kept $file; done")


def test_nobody_else_may_change_it(root: Root) -> None:
    assert root.as_user("after", f"find {PREFIX} ! -type l -writable").said == ""
    others = (
        f"find {PREFIX} ! -type l '(' ! -user root -o ! -group anaconda -o -perm /002 -o -type f -perm "
        "/6000 ')'"
    )
    assert root.run(others).said == ""
    refused = root.as_user("after", "conda install --yes farewell")
    assert refused.status != 0
    assert "EnvironmentNotWritableError" in refused.said


def test_conda_finds_the_plugin_that_tells_what_to_do_instead(root: Root) -> None:
    found = (
        "import importlib.metadata as m; print([e.value for e in m.entry_points(group='conda') "
        "if e.name == 'hubsmith'])"
    )
    assert root.run(f'{PREFIX}/bin/python -c "{found}"').said == "['hubsmith_conda']"
    if mirrors.REAL is not None:
        assert "create-kernel NAME" in root.as_user("after", "conda install --yes farewell").said


def test_one_admin_installs_and_all_see_it_and_another_replaces_it(root: Root) -> None:
    installed = root.as_user("admin", "conda install --yes --quiet farewell")
    assert installed.status == 0, installed.said
    assert root.as_user("after", "farewell").said == "farewell 1.0"
    replaced = root.as_user("second", "conda install --yes --quiet greeting=2.0")
    assert replaced.status == 0, replaced.said
    assert root.as_user("after", "greeting").said == "greeting 2.0"
    root.as_user("second", "conda install --yes --quiet greeting=1.0")


def test_a_package_that_does_not_exist_is_told(root: Root) -> None:
    refused = root.as_user("admin", "conda install --yes no-such-package")
    assert refused.status != 0
    assert "PackagesNotFoundError" in refused.said
    assert "Traceback" not in refused.said


@pytest.mark.parametrize("user", ["before", "after"])
def test_an_ordinary_user_makes_an_environment_and_is_asked_for_no_terms(root: Root, user: str) -> None:
    made = root.as_user(user, "conda create --yes --quiet --name own greeting=2.0")
    assert made.status == 0, made.said
    assert root.as_user(user, "conda activate own && greeting").said == "greeting 2.0"


@pytest.mark.parametrize("command", ["create-kernel", "own-kernel"])  # the second is its former name
def test_an_environment_of_ones_own_is_a_kernel(root: Root, command: str) -> None:
    made = root.as_user("after", f"{command} of-{command}")
    assert made.status == 0, made.said
    assert f"of-{command}" in root.as_user("after", "jupyter kernelspec list").said


def test_a_kernel_outlives_another_python(root: Root) -> None:
    assert (
        root.as_user("after", "create-kernel moved && cd ~/envs/moved/lib && mv python3* python3.2").status
        == 0
    )
    assert root.as_user("after", "create-kernel --list | grep moved").said == "moved\tother Python"
    run = "echo 'import sys; print(sys.prefix)' > ~/a.py; jupyter run --kernel=moved ~/a.py 2> /dev/null"
    assert root.as_user("after", run).said == "/home/after/envs/moved"
    assert root.as_user("after", "create-kernel --list | grep moved").said == "moved\tworks"


@pytest.mark.parametrize("user", ["before", "after", "root"])
@pytest.mark.parametrize("shell", ["-lc", "-ic"], ids=["login", "interactive"])
def test_every_shell_knows_conda(root: Root, user: str, shell: str) -> None:
    assert "function" in root.as_user(user, "type -t conda", shell=shell).said.splitlines()


def test_root_runs_nothing_of_it_by_accident(root: Root) -> None:
    for shell in ("-lc", "-ic"):
        assert PREFIX not in root.as_user("root", "echo $PATH", shell=shell).said
    sourced = root.run(
        "readlink -f /usr/lib/hubsmith/python/shell.sh; stat -c %U%a /usr/lib/hubsmith/python/shell.sh"
    )
    assert sourced.said == "/usr/lib/hubsmith/python/shell.sh\nroot644"


def test_a_shell_starts_no_python_for_it(root: Root) -> None:
    traced = root.as_user("after", "true", shell="-xlc")
    assert "shell.posix" not in traced.said
    assert f"{PREFIX}/bin/python" not in traced.said.replace("CONDA_PYTHON_EXE", "")


def test_installer_and_caches_are_gone(root: Root) -> None:
    # A pkgs folder there is only what admins have installed since; conda's own is not baked.
    assert (
        root.run("find /root/.cache/hubsmith -maxdepth 1 -name '*.sh' -o -name '*.part' -o -name conda").said
        == ""
    )
    assert "six" not in root.run(f"ls {PREFIX}/pkgs").said


def test_run_again_it_finds_nothing_to_do(made: tuple[Root, Manifest], mirror: Mirror) -> None:
    root, chosen = made
    before = len(mirror.asked)
    assert root.provision(chosen, "python", mirror.url).said == f"{PREFIX} is as it should be"
    assert len(mirror.asked) == before
