"""The users' environment: everyone runs it, the group anaconda changes it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

import pytest
from testinfra.host import Host

# One of them changes it for a moment.
pytestmark = [pytest.mark.xdist_group("python"), pytest.mark.usefixtures("before_reboot")]

PREFIX = "/opt/anaconda"

STALE = textwrap.dedent("""
    import importlib.util, pathlib, site, struct, sys
    packages = "jupyterhub jupyter_server jupyterlab notebook tornado traitlets sqlalchemy/orm IPython"
    for package in [*packages.split(), "ipykernel", "zmq", "jedi", "pip"]:
        folder = pathlib.Path(site.getsitepackages()[0], package)
        for source in folder.rglob("*.py"):
            if {"test", "tests"} & set(source.parts):
                continue
            compiled = pathlib.Path(importlib.util.cache_from_source(source))
            told = struct.unpack("<III", compiled.read_bytes()[4:16]) if compiled.exists() else None
            status = source.stat()
            if told != (0, int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF):
                print(source)
""")

# What a distribution's own packages lack of each other is not the build's to mend.
MISFITS = textwrap.dedent("""
    import importlib.metadata, re, subprocess, sys
    def brought_by_the_build(name):
        try:
            return (importlib.metadata.distribution(name).read_text("INSTALLER") or "").strip() == "uv"
        except importlib.metadata.PackageNotFoundError:
            return False
    checked = subprocess.run([sys.executable, "-m", "pip", "check"], stdout=-1, stderr=-2, text=True)
    told = [line for line in checked.stdout.splitlines() if line.strip()]
    for line in told if checked.returncode else ():
        names = re.match(r"(\\S+) \\S+ (?:requires|has requirement) ([A-Za-z0-9._-]+)", line)
        if not names or any(map(brought_by_the_build, names.groups())):
            print(line)
""")

LOCK = "/usr/share/hubsmith/python/lock"
LOCKED = textwrap.dedent(f"""
    import importlib.metadata, pathlib, re
    for line in pathlib.Path("{LOCK}/pip.txt").read_text().splitlines():
        name, equals, rest = line.partition("==")
        if equals and " ; " not in rest:
            version, found = rest.split()[0], importlib.metadata.distribution(name)
            if found.version != version and (found.read_text("INSTALLER") or "").strip() == "uv":
                print(name, found.version, "and not", version)
""")

WHEEL = textwrap.dedent("""
    import sys, zipfile
    with zipfile.ZipFile("/var/tmp/hubsmith_probe-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("hubsmith_probe/__init__.py", "answer = 42\\n")
        info = "hubsmith_probe-1.0.dist-info/"
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: hubsmith-probe\\nVersion: 1.0\\n")
        tags = "Root-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\n" + tags)
        files = [*wheel.namelist(), info + "RECORD"]
        wheel.writestr(info + "RECORD", "".join(f"{name},,\\n" for name in files))
""")


@pytest.fixture
def installers(root: Host) -> Iterator[tuple[str, str]]:
    names = ("probe-installer-1", "probe-installer-2")
    for name in names:
        root.run_test("useradd --create-home --groups anaconda %s", name)
    root.run_test("python3 -c %s", WHEEL)
    yield names
    # What a test has left; a pip that finds nothing takes half a minute on an emulated machine.
    root.run_test(f"rm --recursive --force {PREFIX}/lib/python3*/site-packages/hubsmith_probe*")
    root.run_test("rm /var/tmp/hubsmith_probe-1.0-py3-none-any.whl")
    for name in names:
        root.run_test("userdel --remove %s", name)


@pytest.fixture
def environments(host: Host) -> list[str]:
    """Where those of python.environments are."""
    found = host.check_output(f"find {PREFIX}/envs -maxdepth 2 -name .hubsmith 2>/dev/null || true").split()
    if not found:
        pytest.skip("python.environments has none")
    return [path.removesuffix("/.hubsmith") for path in sorted(found)]


def as_user(host: Host, name: str, command: str) -> tuple[int, str]:
    done = host.run("cd / && runuser --user %s -- bash -lc %s 2>&1", name, command)
    return done.rc, done.stdout.strip()


def test_everyone_finds_it_in_a_login_shell(root: Host) -> None:
    assert as_user(root, "nobody", "command -v python jupyter-lab") == (
        0,
        f"{PREFIX}/bin/python\n{PREFIX}/bin/jupyter-lab",
    )


def test_root_does_not_run_it_by_accident(root: Host) -> None:
    # What the group anaconda can change must not be what root runs.
    assert PREFIX not in root.check_output("bash -lc 'type -a python3'")


def test_who_can_become_root_does_not_either(host: Host) -> None:
    assert PREFIX not in host.check_output("bash -lc 'type -a python3 sudo ls; echo $PATH'")


def test_jupyterlab_is_there(root: Host) -> None:
    rc, listed = as_user(root, "nobody", "HOME=$(mktemp -d) jupyter kernelspec list")
    assert rc == 0
    assert f"{PREFIX}/share/jupyter/kernels/python3" in listed


def test_nobody_else_may_change_it(root: Host) -> None:
    assert root.check_output(f"cd / && runuser --user nobody -- find {PREFIX} ! -type l -writable") == ""
    # What a member of the group has installed since is the member's.
    strange = " ".join(f"! -user {name}" for name in ("root", *root.group("anaconda").members))
    others = (
        f"find {PREFIX} ! -type l '(' {strange} -o ! -group anaconda -o -perm /002 -o -type f -perm /6000 ')'"
    )
    assert root.check_output(others) == ""


def test_only_programs_are_executable(root: Host) -> None:
    assert root.check_output(f"find {PREFIX}/share -name '*.json' -perm /111") == ""


def test_nobody_is_in_the_group_yet(host: Host, stage: str) -> None:
    if stage != "running":  # whose operator may have added some
        assert host.group("anaconda").members == []
    assert host.user("anaconda").shell.endswith("nologin")


def python(root: Host, code: str, prefix: str = PREFIX) -> str:
    """What the users' Python prints, as nobody: whoever may change it must not get more by this."""
    return str(root.check_output(f"cd / && runuser --user nobody -- {prefix}/bin/python -I -c %s", code))


def test_servers_start_from_compiled_modules(root: Host) -> None:
    assert python(root, STALE) == ""


def test_servers_start_without_what_nobody_needs(host: Host) -> None:
    if host.file(f"{PREFIX}/conda-meta").is_directory:
        pytest.skip("what conda or its installer brings stays")
    assert host.check_output(f"find {PREFIX}/lib -name rfc3987_syntax") == ""


@pytest.mark.usefixtures("on_builder", "in_turn")
def test_packages_fit_together(root: Host) -> None:
    assert python(root, MISFITS) == ""


@pytest.mark.usefixtures("on_builder")
def test_packages_of_each_environment_fit_together_and_are_compiled(
    root: Host, environments: list[str]
) -> None:
    for folder in environments:
        assert (folder, python(root, MISFITS, folder)) == (folder, "")
        assert (folder, python(root, STALE, folder)) == (folder, "")


def test_the_group_installs_into_each_environment(root: Host, environments: list[str]) -> None:
    """As into the shared one: folders are the group's, files are root's. Others' rights are tested above."""
    for folder in environments:
        wrong = "-type d ! -perm -2070 -o -type f -user root -perm /022 ! -path '*/conda-meta/*'"
        assert (folder, root.check_output(f"find {folder} {wrong}")) == (folder, "")
        assert root.check_output(f"stat --format %U:%G {folder}/bin") == "root:anaconda"


@pytest.mark.usefixtures("on_builder")
def test_what_was_locked_is_what_is_there(root: Host, host: Host) -> None:
    """Of pip's packages those that neither conda nor an installer has brought, for this Python."""
    if not host.file(f"{LOCK}/pip.txt").exists:
        pytest.skip("built without a lock")
    assert python(root, LOCKED) == ""
    if host.file(f"{LOCK}/conda.txt").exists:
        files = [
            re.sub(r"\.(conda|tar\.bz2)#.*", ".json", line)
            for line in host.file(f"{LOCK}/conda.txt").content_string.split()
        ]
        assert {file.rpartition("/")[2] for file in files} <= set(host.file(f"{PREFIX}/conda-meta").listdir())


def test_the_build_left_no_tools(host: Host) -> None:
    assert not host.file(f"{PREFIX}/bin/uv").exists
    assert host.check_output(f"find {PREFIX} -name .lock -o -name CACHEDIR.TAG") == ""


@pytest.mark.usefixtures("heavy", "in_turn")
def test_installers_share_it(root: Host, installers: tuple[str, str]) -> None:
    first, second = installers
    wheel = "/var/tmp/hubsmith_probe-1.0-py3-none-any.whl"
    rc, said = as_user(
        root, "nobody", f"HOME=$(mktemp -d) pip install --no-cache-dir --no-index {wheel} 2>&1"
    )
    # conda's pip installs into the home; that of a venv cannot, and says what can.
    assert rc == 0 or "create-kernel NAME" in said, said
    assert as_user(root, first, "python -c 'import hubsmith_probe'")[0] != 0
    assert as_user(root, first, f"pip install --quiet --no-index {wheel}") == (0, "")
    assert as_user(root, "nobody", "python -c 'import hubsmith_probe as p; print(p.answer)'") == (0, "42")
    # Another installer can take away, and so upgrade, what the first one brought.
    assert as_user(root, second, "pip uninstall --quiet --yes hubsmith-probe") == (0, "")


@pytest.fixture
def conda(host: Host) -> str:
    if not host.file(f"{PREFIX}/conda-meta").is_directory:
        pytest.skip("a venv has no conda")
    return f"{PREFIX}/bin/conda"


def test_nobody_is_stopped_by_terms_they_have_not_accepted(root: Host, conda: str) -> None:
    # conda asks for Anaconda's terms, in the middle of a command, where defaults is a channel.
    settings = root.file(f"{PREFIX}/.condarc").content_string
    assert "channels:" in settings
    assert "defaults" not in settings or "auto_accept_tos: true" in settings
    assert as_user(root, "nobody", f"cd /tmp && HOME=/tmp {conda} config --show channels")[0] == 0


def test_every_shell_knows_conda(root: Host, conda: str) -> None:
    for user in ("nobody", "root"):
        for shell in ("-lc", "-ic"):
            said = root.run(
                "cd / && HOME=/tmp runuser --user %s -- bash %s 'type -t conda' 2>/dev/null", user, shell
            )
            assert said.stdout.split()[-1:] == ["function"], (conda, user, shell)


def test_what_roots_shell_reads_is_roots(root: Host) -> None:
    assert (
        root.check_output("find -L /etc/profile.d /usr/lib/hubsmith/python ! -user root -o -perm /022") == ""
    )
    assert PREFIX not in root.check_output("readlink -f /etc/profile.d/* /usr/lib/hubsmith/python/*")


def test_no_installer_and_no_cache_is_left(root: Host) -> None:
    assert (
        root.check_output(
            f"find {PREFIX}/pkgs -maxdepth 1 -name '*.conda' -o -name '*.tar.bz2' 2>/dev/null || true"
        )
        == ""
    )
    installers = (
        "find / -ignore_readdir_race -xdev -size +10M '(' -name '*conda3-*.sh' -o -name 'Miniforge3-*.sh' ')'"
    )
    assert root.check_output(installers) == ""


@pytest.mark.usefixtures("booted")
def test_users_make_environments_of_their_own(root: Host) -> None:
    own = "/var/tmp/own-environment"
    make = (
        f"HOME=/var/tmp python -m venv --without-pip {own} && {own}/bin/python -c 'import sys; "
        f"print(sys.prefix)'; rm -r {own}"
    )
    assert as_user(root, "nobody", make) == (0, own)


def test_create_kernel_has_its_former_name_too(host: Host) -> None:
    found = host.check_output("readlink --canonicalize-existing /usr/local/bin/own-kernel")
    assert found == "/usr/local/bin/create-kernel"
