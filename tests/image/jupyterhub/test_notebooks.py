"""A day's work: files, a terminal, an environment of one's own, and restarts that go unnoticed."""

from __future__ import annotations

import base64
import hashlib
import json
import os

import pytest
import requests
from hub_client import HubClient, HubUser
from kernel_client import Kernel, in_a_terminal
from testinfra.host import Host
from unix_users import Neighbour, unit_of

pytestmark = pytest.mark.usefixtures("heavy")

PART = 10 * 2**20


def test_a_large_file_goes_up_and_comes_down(notebook: HubClient) -> None:
    up_and_down(notebook, 3 * PART)


@pytest.mark.usefixtures("thorough")
def test_100_megabytes_do_as_well(notebook: HubClient) -> None:
    """More parts of the same size."""
    up_and_down(notebook, 10 * PART)


def up_and_down(notebook: HubClient, size: int) -> None:
    data = os.urandom(PART) * (size // PART)
    parts = range(0, size, PART)
    for number, start in enumerate(parts, start=1):
        chunk = -1 if number == len(parts) else number
        content = base64.b64encode(data[start : start + PART]).decode()
        told = {
            "type": "file",
            "format": "base64",
            "name": "big.bin",
            "path": "big.bin",
            "chunk": chunk,
            "content": content,
        }
        notebook.server_api("PUT", "contents/big.bin", json=told).raise_for_status()
    down = notebook.get(f"{notebook.base()}files/big.bin", stream=True)
    got = hashlib.sha256()
    for piece in down.iter_content(2**20):
        got.update(piece)
    assert got.digest() == hashlib.sha256(data).digest()
    notebook.server_api("DELETE", "contents/big.bin").raise_for_status()


def test_a_folder_with_files_can_be_deleted(notebook: HubClient) -> None:
    """https://github.com/jupyterhub/jupyterhub/issues/2829"""
    notebook.server_api("PUT", "contents/course", json={"type": "directory"}).raise_for_status()
    page = {"type": "file", "format": "text", "content": "text"}
    notebook.server_api("PUT", "contents/course/a.txt", json=page).raise_for_status()
    answer = notebook.server_api("DELETE", "contents/course")
    assert answer.status_code == requests.codes.no_content, answer.text
    assert notebook.server_api("GET", "contents/course").status_code == requests.codes.not_found


def test_a_terminal_is_the_users_shell(notebook: HubClient, hub_user: HubUser) -> None:
    assert f"42 {hub_user.name} /home/{hub_user.name}" in in_a_terminal(
        notebook, "echo $((6*7)) $(whoami) $PWD", f"42 {hub_user.name}"
    )


def test_names_with_other_letters_are_shown(notebook: HubClient, kernel: Kernel, host: Host) -> None:
    """https://github.com/jupyterhub/jupyterhub/issues/1902"""
    ask = "print(os.environ['LANG'], locale.getpreferredencoding().upper(), sys.getfilesystemencoding())"
    language = host.check_output("sed --quiet 's/^LANG=//p' /etc/default/locale")
    assert kernel.run(f"import locale, os, sys; {ask}") == f"{language} UTF-8 utf-8"
    # In octal, so that what is awaited is not in the line itself; without UTF-8, ls shows it like that.
    make = r"""cd $(mktemp -d); touch "$(printf 'Gr\303\266\303\237e')"; ls"""
    assert "Größe" in in_a_terminal(notebook, make, "Größe")


def test_a_terminal_knows_conda(notebook: HubClient, host: Host) -> None:
    if not host.file("/opt/anaconda/conda-meta").is_directory:
        pytest.skip("a venv has no conda")
    # The shell's function, which can activate; the program alone would be found as well.
    assert "is a function" in in_a_terminal(notebook, "type conda", "is a function")


@pytest.mark.usefixtures("in_turn")
def test_an_environment_of_ones_own_is_a_kernel(
    notebook: HubClient, kernel: Kernel, hub_user: HubUser
) -> None:
    make = (
        "import subprocess; print(subprocess.run(['create-kernel', 'own'], stdout=-1, stderr=-2, "
        "text=True).stdout)"
    )
    assert "kernel own; to add packages" in kernel.run(make)
    with Kernel.start(notebook, "own") as own:
        assert own.run("import sys; print(sys.prefix)") == f"/home/{hub_user.name}/envs/own"
        assert own.run("import jupyterlab; print(jupyterlab.__file__.startswith('/opt/anaconda/'))") == "True"


PROBE = """
import pathlib, subprocess, sys, zipfile
def run(*command):
    done = subprocess.run(command, stdout=-1, stderr=-2, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()
home = pathlib.Path.home()
with zipfile.ZipFile(home / "hubsmith_probe-1.0-py3-none-any.whl", "w") as wheel:
    info = "hubsmith_probe-1.0.dist-info/"
    wheel.writestr("hubsmith_probe.py", "answer = 42")
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: hubsmith-probe\\nVersion: 1.0\\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(info + "RECORD", "")
run("create-kernel", "own")  # done in a moment where a test before has made it
run(home / "envs/own/bin/pip", "install", "--no-index", wheel.filename)
(packages,) = (home / "envs/own/lib").glob("python3*")
packages.rename(packages.with_name("python3.2"))
print(run("create-kernel", "--list"))
"""


@pytest.mark.usefixtures("not_emulated")
def test_an_environment_outlives_another_python(notebook: HubClient, kernel: Kernel, root: Host) -> None:
    """https://github.com/StatCan/aaw/issues/2045"""
    assert "own\tother Python" in kernel.run(PROBE)
    with Kernel.start(notebook, "own") as own:
        assert own.run("import hubsmith_probe; print(hubsmith_probe.answer)") == "42"
        assert own.run("import jupyterlab; print(jupyterlab.__file__.startswith('/opt/anaconda/'))") == "True"
    assert "own\tworks" in kernel.run("print(run('create-kernel', '--list'))")
    # Those that a registry keeps, which the user of these tests is not one of.
    assert isinstance(json.loads(root.check_output("/usr/lib/hubsmith/list-kernels")), list)


def test_a_name_that_needs_escaping_has_a_server_until_its_user_logs_out(
    neighbour: Neighbour, root: Host
) -> None:
    session, unit = neighbour.session, unit_of(neighbour.hub_user)
    owner = root.check_output(f"stat --format %U /proc/$(systemctl show --value --property MainPID {unit})")
    assert (session.user, owner) == (neighbour.hub_user.name,) * 2
    neighbour.has_logged_out()
    session.logout()
    root.check_output(f"timeout 60 sh -c 'while systemctl is-active --quiet {unit}; do sleep 0.5; done'")


@pytest.mark.usefixtures("exclusive", "in_turn")
@pytest.mark.parametrize("unit", ["jupyterhub", "jupyterhub-proxy"])
def test_a_restart_loses_no_variable(notebook: HubClient, kernel: Kernel, root: Host, unit: str) -> None:
    """https://github.com/jupyterhub/jupyterhub/issues/5107"""
    kernel.run("kept = 41")
    root.run_test(f"systemctl restart {unit}")
    notebook.wait_until_up()
    kernel.disconnect()
    kernel.connect()
    assert kernel.run("kept + 1") == "42"
