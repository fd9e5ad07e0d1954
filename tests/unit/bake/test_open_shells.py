"""Shells that stay open for the image tests' commands; here shells of this host."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import testinfra
import testinfra.backend
from testinfra.host import Host

import build.bake

sys.path.insert(0, str(Path(build.bake.__file__).with_name("pytest_plugins")))  # where pytest finds it

import hubsmith_shells
from hubsmith_shells import Lost, OpenShell, OpenShellBackend, without_sudo


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenShell]:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield (shell := OpenShell(["/bin/sh"], "/bin/sh"))
    shell.close()
    assert list(tmp_path.iterdir()) == []


def test_status_output_and_errors_are_those_of_the_command(shell: OpenShell) -> None:
    assert shell.run("printf out; printf err >&2; exit 7") == (7, b"out", b"err")
    assert shell.run("true") == (0, b"", b"")


def test_any_bytes_come_as_they_are(shell: OpenShell, tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000 + b"\n7\n"
    (file := tmp_path / "any bytes").write_bytes(content)
    assert shell.run(f"cat '{file}'; cat '{file}' >&2") == (0, content, content)
    file.unlink()


def test_a_command_leaves_nothing_to_the_next(shell: OpenShell) -> None:
    before = shell.run("pwd; umask")
    shell.run("cd /; umask 7; x=1; trap 'echo end' EXIT")
    assert shell.run("pwd; umask; printf '%s' $x") == before


def test_a_command_cannot_read_what_the_shell_is_told(shell: OpenShell) -> None:
    assert shell.run("cat") == (0, b"", b"")
    assert shell.run("echo still there") == (0, b"still there\n", b"")


def test_quotes_and_lines_arrive(shell: OpenShell) -> None:
    assert shell.run("""printf '%s' "it's"\nprintf ' %%d $HOME `id`'""") == (0, b"it's %d $HOME `id`", b"")


def test_what_runs_on_in_the_background_is_not_waited_for(shell: OpenShell) -> None:
    status, out, _ = shell.run("sleep 60 & echo $!")
    os.kill(int(out), signal.SIGTERM)  # it is there
    assert status == 0


def test_a_connection_that_ends_is_told(shell: OpenShell) -> None:
    with pytest.raises(Lost, match="the connection ended"):
        shell.run('rm -r "$TMPDIR"/*; kill -KILL $PPID')
    assert not shell.is_open


def test_a_folder_that_is_gone_is_told_and_nobody_waits(shell: OpenShell) -> None:
    with pytest.raises(Lost):
        shell.run('rm -r "$TMPDIR"/*')
    assert not shell.is_open


def test_a_connection_that_cannot_be_opened_is_told_with_the_reason() -> None:
    with pytest.raises(Lost, match="no such machine"):
        OpenShell(["/bin/sh", "-c", "echo no such machine >&2; exit 255"], "/bin/sh")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """testinfra's host, with programs called ssh and sudo that note their calls and run the rest here."""
    for program, run in {"ssh": 'exec /bin/sh -c "$last"', "sudo": 'exec "$@"'}.items():
        (file := tmp_path / program).write_text(
            f"#!/bin/sh\nfor last; do :; done\necho {program} >> {tmp_path}/called\n{run}\n"
        )
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setitem(testinfra.backend.BACKENDS, "ssh", "hubsmith_shells.OpenShellBackend")
    yield testinfra.get_host("ssh://instance")
    hubsmith_shells.pytest_unconfigure()


def called(folder: Path) -> list[str]:
    return (folder / "called").read_text().split()


def test_one_connection_and_one_sudo_are_enough(machine: Host, tmp_path: Path) -> None:
    assert isinstance(machine.backend, OpenShellBackend)
    for _ in range(3):
        assert machine.check_output("echo %s", "it's mine") == "it's mine"
        with machine.sudo():
            assert machine.check_output("echo %s", "it's root's") == "it's root's"
    assert called(tmp_path) == ["ssh", "ssh", "sudo"]


def test_another_user_is_asked_for_each_time(machine: Host, tmp_path: Path) -> None:
    with machine.sudo(), machine.sudo("somebody"):
        assert machine.run("true").rc != 0  # the sudo above takes -u for a program
    assert called(tmp_path) == ["ssh", "sudo", "sudo"]


def test_a_lost_machine_is_told_as_testinfra_does(machine: Host) -> None:
    with pytest.raises(RuntimeError, match="ssh instance: the connection ended"):
        machine.run('rm -r "$d"; kill -KILL $PPID')
    assert machine.check_output("echo again") == "again"


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("sudo /bin/sh -c 'echo 1'", "echo 1"),
        ("sudo /bin/sh -c " + shlex.quote("it's"), "it's"),
        ("sudo /bin/sh -c 'echo 1' && echo 2", None),
        ("sudo /bin/sh -c 'echo", None),
        ("sudo -u ada /bin/sh -c 'echo 1'", None),
        ("echo 1", None),
    ],
)
def test_what_is_roots_is_known_by_testinfras_words(line: str, bare: str | None) -> None:
    assert without_sudo(line) == bare
