"""When ssh fails, the machine's kernel may be why."""

from __future__ import annotations

import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from build.errors import HubsmithError, RemoteError
from build.hubs.hub import Hub
from build.operate.ssh import SshSession, _faults_of, host_keys
from build.remote.ssh_target import SshTarget
from tests.consoles import PANIC, Ec2, recorded

INSTANCE: Any = SimpleNamespace(id="i-1")


@pytest.fixture
def ec2() -> Any:
    return Ec2(recorded("debian-13-int3"))


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def way(ec2: Any, warnings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SshSession:
    """An ssh that says something and ends with the status that it is told to run."""
    ssh = tmp_path / "ssh"
    ssh.write_text(
        '#!/bin/sh\nfor last in "$@"; do :; done\necho said\necho "Connection reset by peer" >&2\nexit '
        '"${last##* }"\n'
    )
    ssh.chmod(ssh.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def result(line: str) -> bool:
        warnings.append(f"result: {line}")
        return True

    report: Any = SimpleNamespace(warn=warnings.append, result=result)
    clients: Any = SimpleNamespace(ec2=ec2)
    return SshSession(
        tmp_path / "config",
        SshTarget("127.77.0.1", "admin", name="hub.example.org"),
        "ami-1",
        report,
        lambda: _faults_of(clients, INSTANCE),
    )


def test_a_command_that_ssh_could_not_run_says_that_the_kernel_panicked(way: SshSession) -> None:
    with pytest.raises(RemoteError) as caught:
        way.run("255")
    assert str(caught.value).startswith(f"'255' on 127.77.0.1 ended with status 255: {PANIC}")
    assert caught.value.hint == "  Connection reset by peer"


def test_a_command_that_fails_by_itself_says_what_it_says(way: SshSession, ec2: Any) -> None:
    with pytest.raises(RemoteError, match=r"^'3' on 127\.77\.0\.1 ended with status 3$"):
        way.run("3")
    assert ec2.asked == 0


def test_what_a_command_prints_once_is_shown_though_it_failed(way: SshSession, warnings: list[str]) -> None:
    with pytest.raises(RemoteError, match="ended with status 3"):
        way.show("3")
    assert warnings == ["result: said"]


def test_warnings_of_a_command_that_worked_are_passed_on(way: SshSession, warnings: list[str]) -> None:
    assert way.show("0") is True
    assert warnings == ["result: said", "Connection reset by peer"]


def test_a_shell_that_breaks_off_warns_and_keeps_its_status(way: SshSession, warnings: list[str]) -> None:
    assert (way.follow("3"), warnings) == (3, [])
    assert way.follow("255") == 255
    assert [line.startswith(PANIC) for line in warnings] == [True]


def test_without_a_fault_there_is_nothing_to_say(way: SshSession, ec2: Any, warnings: list[str]) -> None:
    ec2.console = recorded("no-faults")
    with pytest.raises(RemoteError, match=r"ended with status 255$"):
        way.run("255")
    assert (way.follow("255"), warnings) == (255, [])


def test_a_machine_that_panicked_before_it_published_its_host_keys_says_so(ec2: Any) -> None:
    def get_parameter(**_: str) -> None:
        raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")

    clients: Any = SimpleNamespace(ec2=ec2, ssm=SimpleNamespace(get_parameter=get_parameter))
    with pytest.raises(RemoteError) as caught:
        host_keys(Hub("hub.example.org"), clients, INSTANCE)
    assert f"it is the hub that answers; {PANIC}" in str(caught.value)


def test_what_cannot_be_printed_is_kept_in_a_file(
    way: SshSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path / "state"))

    def full(_: str) -> bool:
        raise HubsmithError("cannot write to standard output: no space left on device")

    monkeypatch.setattr(way.report, "result", full)
    with pytest.raises(HubsmithError, match="no space left") as caught:
        way.show("0")
    kept = tmp_path / "state/hubs/hub.example.org/not-printed"
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("said\n", 0o600)
    assert str(kept) in str(caught.value.hint)


def test_what_nobody_reads_is_kept_too(
    way: SshSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with `| head -1`."""
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(way.report, "result", lambda _: False)
    with pytest.raises(HubsmithError, match="nobody reads"):
        way.show("0")
    assert (tmp_path / "state/hubs/hub.example.org/not-printed").read_text() == "said\n"


def test_a_line_is_printed_before_the_command_has_ended(
    way: SshSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that breaks later takes no password back."""
    (tmp_path / "ssh").write_text("#!/bin/sh\necho ada\nwhile [ ! -e $0.seen ]; do /bin/sleep 0.05; done\n")
    seen = (tmp_path / "ssh.seen").write_text
    monkeypatch.setattr(way.report, "result", seen)  # the command ends when its line was printed
    assert way.show("0") is True
