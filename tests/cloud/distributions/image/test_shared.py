"""/opt/anaconda as people use it on a machine of the image: what the build's list named, environments of
one's own, and who may install.

Image tests of a build of the tests (test_bake.py), which puts them beside the shipped ones and the mirror's
address beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_client import HubClient, Person
from kernel_client import Kernel
from testinfra.host import Host
from unix_users import unix_user

MIRROR = Path(__file__).with_name("mirror.txt")
PREFIX = "/opt/anaconda"


def in_a_shell(root: Host, who: Person, command: str) -> tuple[int, str]:
    """How a command ends in their login shell, where conda's channels are the mirror's; and what it said."""
    alias = f"export CONDA_CHANNEL_ALIAS={MIRROR.read_text().strip()}/conda; cd"
    done = root.run("cd / && runuser --login %s --command %s 2>&1", who.name, f"{alias}; {command}")
    return done.rc, done.stdout.strip()


def ran(kernel: Kernel, program: str) -> str:
    """What a program says that a notebook runs; None if there is none."""
    return kernel.run(
        f"import shutil, subprocess; print(shutil.which({program!r}) and subprocess.getoutput({program!r}))"
    )


@pytest.fixture
def admins(machine: Host) -> Iterator[tuple[Person, Person]]:
    with unix_user(machine, "anaconda") as one, unix_user(machine, "anaconda") as other:
        yield one, other
    with machine.sudo():
        # conda's cache of theirs: a booted machine has none
        machine.run_test(f"rm --recursive {PREFIX}/pkgs")


@pytest.mark.usefixtures("booted")
def test_a_notebook_has_what_the_list_names(kernel: Kernel) -> None:
    assert ran(kernel, "greeting") == "greeting 1.0"
    assert kernel.run("import cowsay; print(cowsay.__file__)").startswith(f"{PREFIX}/lib/python3")
    assert (
        kernel.run(
            "import importlib.metadata as m, packaging; "
            "print(m.distribution('packaging').read_text('INSTALLER'))"
        )
        == "conda"
    )


@pytest.mark.usefixtures("heavy")
def test_an_ordinary_user_makes_an_environment(root: Host, person: Person) -> None:
    assert in_a_shell(root, person, "conda create --yes --quiet --name own greeting=2.0") == (0, "")
    assert in_a_shell(root, person, "conda activate own && greeting") == (0, "greeting 2.0")
    assert in_a_shell(root, person, "greeting") == (0, "greeting 1.0")


@pytest.mark.usefixtures("heavy")
def test_a_kernel_made_in_a_shell_is_in_jupyterlab(root: Host, notebook: HubClient, person: Person) -> None:
    assert in_a_shell(root, person, "own-kernel shell")[0] == 0
    assert "shell" in notebook.server_api("GET", "kernelspecs").json()["kernelspecs"]
    with Kernel.start(notebook, "shell") as own:
        assert own.run("import cowsay, sys; print(sys.prefix)") == f"/home/{person.name}/envs/shell"


@pytest.mark.usefixtures("heavy", "alone")
def test_an_admin_installs_and_all_see_it(root: Host, kernel: Kernel, admins: tuple[Person, Person]) -> None:
    one, other = admins
    assert ran(kernel, "farewell") == "None"
    assert in_a_shell(root, one, "conda install --yes --quiet farewell") == (0, "")
    assert ran(kernel, "farewell") == "farewell 1.0"
    # Another of them takes away what the first one brought.
    assert in_a_shell(root, other, "conda remove --yes --quiet farewell") == (0, "")
    assert ran(kernel, "farewell") == "None"


@pytest.mark.usefixtures("heavy")
def test_an_ordinary_user_does_not(root: Host, person: Person) -> None:
    status, said = in_a_shell(root, person, "conda install --yes farewell")
    assert status != 0
    assert "EnvironmentNotWritableError" in said
    assert in_a_shell(root, person, f"touch {PREFIX}/bin/farewell")[0] != 0
