"""Every error of a command is words on stderr and an exit code, never a traceback."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import (
    ClientError,
    ConfigParseError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
)
from invoke import Context, Exit

from build.commands import cloud
from build.commands.common import cli_session, confirm, local_cloud, parse_on_failure
from build.errors import CleanupError, CloudError, HubsmithError, UserError
from build.pipeline import Interrupted, OnFailure
from localcloud import base_image, doctor
from localcloud.doctor import Check
from localcloud.server import control
from tests.conftest import REPO


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "You are not authorized"}}, "RunInstances")


def told(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(Exit) as ended, cli_session():
        raise error
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return ended.value.code, err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (HubsmithError("it broke", hint="mend it"), 1, "error: it broke\nhint: mend it\n"),
        (UserError("no such key", where="manifest.yaml:3:1"), 2, "error: manifest.yaml:3:1: no such key\n"),
        (CloudError("i-1 is terminated"), 1, "error: i-1 is terminated\n"),
        (CleanupError("not removed: i-1"), 1, "error: not removed: i-1\n"),
        (
            refused("UnauthorizedOperation"),
            1,
            "error: RunInstances: You are not authorized (UnauthorizedOperation)\nhint: docs/howto/aws",
        ),
        (
            NoCredentialsError(),
            2,
            "error: no usable AWS credentials: Unable to locate credentials\nhint: run `aws configure`",
        ),
        (
            EndpointConnectionError(endpoint_url="https://ec2"),
            1,
            "error: Could not connect to the endpoint URL",
        ),
        (
            Interrupted("SIGTERM"),
            1,
            "error: stopped by SIGTERM\nhint: what had been made was removed; `invoke sweep --dry-run`",
        ),
        (KeyboardInterrupt(), 1, "error: stopped\n"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_is_words_and_a_code(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, said = told(error, capsys)
    assert (ended, said[: len(words)]) == (code, words)


def test_a_bug_is_two_lines_and_the_rest_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    code, said = told(ZeroDivisionError("division by zero"), capsys)
    assert code == 1
    assert said == (
        "error: unexpected: ZeroDivisionError: division by zero\nhint: this is a bug; the details are in "
        f"{tmp_path}/debug.log\n"
    )
    assert "Traceback" in (tmp_path / "debug.log").read_text()


def test_a_bug_with_nowhere_to_write_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path / "file"))
    with pytest.raises(Exit) as ended, cli_session():
        raise ZeroDivisionError("division by zero")
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert said.startswith(
        "error: unexpected: ZeroDivisionError: division by zero\nhint: this is a bug; the details could"
    )


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            PermissionError(13, "Permission denied", "/x/y"),
            2,
            "error: /x/y: permission denied\nhint: check the name",
        ),
        (OSError(30, "Read-only file system", "/x"), 2, "error: /x: read-only file system\n"),
        (OSError(28, "No space left on device"), 1, "error: no space left on device\nhint: `df -h`"),
        (
            ValueError("Invalid endpoint: foo"),
            2,
            "error: Invalid endpoint: foo: not an address\nhint: check AWS_",
        ),
        (PartialCredentialsError(provider="env", cred_var="x"), 2, "error: no usable AWS credentials"),
        (ConfigParseError(path="/x"), 2, "error: Unable to parse config file: /x\nhint: check AWS_PROFILE"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_the_user_or_the_system_did_is_no_bug(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, said = told(error, capsys)
    assert (ended, said[: len(words)]) == (code, words)


def test_ctrl_d_at_a_question_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", end)
    with pytest.raises(UserError, match="nothing was removed"):
        confirm("All of it will be gone", yes=False)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HUBSMITH_CLOUD_PORT", "abc"),
        ("HUBSMITH_CLOUD_PORT", "99999"),
        ("HUBSMITH_CLOUD_PORT", "-1"),
        ("HUBSMITH_DISKS", "foo"),
        ("HUBSMITH_ELASTIC_IPS", "abc"),
    ],
)
def test_a_wrong_setting_of_the_local_cloud_is_told_before_it_is_started(
    variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(control, "_spawn", lambda *_: pytest.fail("started"))
    with pytest.raises(UserError, match=variable):
        control.ensure_up(tmp_path)


def test_a_word_that_is_no_image_is_told_before_anything_is_asked() -> None:
    invoke = Path(sys.executable).with_name("invoke")
    done = subprocess.run(
        [invoke, "verify", "--ami", "foo"], cwd=REPO, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --ami foo: not the id of an image\n")


def test_what_to_do_with_a_failed_build_is_one_of_two_words() -> None:
    assert (parse_on_failure("cleanup"), parse_on_failure("keep")) == (OnFailure.CLEANUP, OnFailure.KEEP)
    with pytest.raises(UserError, match="--on-failure delete: not a policy") as caught:
        parse_on_failure("delete")
    assert caught.value.hint == "cleanup or keep"


def test_where_nobody_can_be_asked_nothing_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))  # a pipe, as a timer has it
    confirm("All of it will be gone", yes=True)
    with pytest.raises(UserError, match="nothing was removed") as caught:
        confirm("All of it will be gone", yes=False)
    assert "--yes" in str(caught.value.hint)


def test_the_local_cloud_is_not_reset_from_a_pipe_without_a_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr(control, "reset", lambda **_: pytest.fail("reset"))
    with pytest.raises(Exit) as ended:
        cloud.reset(Context())
    assert (ended.value.code, "nothing was removed" in capsys.readouterr().err) == (2, True)


def test_who_can_open_no_ports_hears_it_before_a_base_image_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []
    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    monkeypatch.setattr(
        doctor,
        "low_ports",
        lambda: Check("ports", False, "ports below 1024 are root's", "sudo sysctl …", "instances answer"),
    )
    monkeypatch.setattr(base_image, "ensure", lambda family, **_: made.append(family))
    with pytest.raises(Exit), cli_session() as report:
        local_cloud(report, "debian-13")
    said = capsys.readouterr().err
    assert "error: the local cloud cannot work for this user" in said
    assert "hint: run: sudo sysctl …" in said
    assert made == []


def needs_one() -> None:
    with cli_session() as report:
        local_cloud(report, "debian-13")


def makes_one_anew() -> None:
    cloud.base(Context())


@pytest.mark.parametrize("command", [needs_one, makes_one_anew])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_base_image_in_the_making_is_taken_away_when_the_command_is_stopped(
    number: signal.Signals,
    command: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """mmdebstrap went on, and its mounts stayed."""
    ended: list[str] = []

    def make(family: str, **_: object) -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        finally:
            ended.append(family)

    monkeypatch.setenv("HUBSMITH_STATE", str(tmp_path))
    monkeypatch.setattr(control, "require_host", lambda: None)
    monkeypatch.setattr(base_image, "ensure", make)
    before = signal.signal(number, lambda *_: None)  # by default it would end the tests
    try:
        with pytest.raises(Exit):
            command()
    finally:
        signal.signal(number, before)
    assert ended == ["debian-13"]
    assert f"stopped by {number.name}" in capsys.readouterr().err
