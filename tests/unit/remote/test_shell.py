"""The one ssh connection of a build, against a server on loopback with a shell of this machine."""

from __future__ import annotations

import contextlib
import io
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import paramiko
import pytest
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from build.errors import RemoteError
from build.remote import keys
from build.remote.keys import SshKey
from build.remote.shell import Shell, Target


def as_paramiko(key: SshKey) -> paramiko.Ed25519Key:
    return paramiko.Ed25519Key.from_private_key(io.StringIO(key.private))


class Guest(paramiko.ServerInterface):
    """Lets in who has the one key, and notes who has tried."""

    def __init__(self, lets_in: SshKey) -> None:
        self._lets_in = lets_in.public.split()[1]
        self.tried: list[str] = []

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.tried.append(username)
        return AUTH_SUCCESSFUL if key.get_base64() == self._lets_in else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        # paramiko answers the request after this function; an sshd's client has that answer before a
        # command's first output.
        answered = threading.Timer(0.1, self._run, args=(channel, command.decode()))
        answered.daemon = True
        answered.start()
        return True

    def _run(self, channel: paramiko.Channel, command: str) -> None:
        done = subprocess.run(
            ["/bin/sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        with contextlib.suppress(OSError, EOFError):  # whoever asked may be gone by now
            channel.sendall(done.stdout)
            channel.send_exit_status(done.returncode)
            channel.close()


class Sshd:
    """A server with its keys; ``guest`` knows who has tried to log in."""

    def __init__(self) -> None:
        self.host_key, self.login_key = keys.generate(), keys.generate()
        self.guest = Guest(self.login_key)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._transports: list[paramiko.Transport] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(as_paramiko(self.host_key))
            self._transports.append(transport)
            try:
                transport.start_server(server=self.guest, event=threading.Event())
            except paramiko.SSHException:
                continue

    def target(self, *, host_key: SshKey | None = None, identity: SshKey | None = None) -> Target:
        port = self._listening.getsockname()[1]
        return Target(
            "127.0.0.1", "root", identity or self.login_key, (host_key or self.host_key).public, port
        )

    def hang_up(self) -> None:
        """On everybody who is connected, as a machine does that shuts down."""
        for transport in self._transports:
            transport.close()

    def close(self) -> None:
        self._listening.close()
        for transport in self._transports:
            transport.close()
            transport.join(5)


@pytest.fixture
def sshd() -> Iterator[Sshd]:
    server = Sshd()
    yield server
    server.close()


def test_another_host_key_is_refused_before_anything_is_said(sshd: Sshd) -> None:
    with (
        pytest.raises(RemoteError, match=r"ssh to root@127\.0\.0\.1 failed"),
        Shell(sshd.target(host_key=keys.generate())),
    ):
        pytest.fail("connected")
    assert sshd.guest.tried == []


def test_another_key_opens_nothing(sshd: Sshd) -> None:
    with (
        pytest.raises(RemoteError, match="Authentication failed"),
        Shell(sshd.target(identity=keys.generate())),
    ):
        pytest.fail("connected")


def test_arguments_arrive_as_they_are_and_output_comes_back(sshd: Sshd) -> None:
    with Shell(sshd.target()) as shell:
        assert (
            shell.run("printf '%%s|' %s %s; echo wrong >&2", "a b'c", "$HOME;ls").output
            == "a b'c|$HOME;ls|wrong"
        )


def test_a_command_that_fails_is_told_with_its_status_and_last_output(sshd: Sshd) -> None:
    with Shell(sshd.target()) as shell:
        assert shell.run("exit 3", check=False).status == 3
        with pytest.raises(RemoteError, match="ended with status 3") as caught:
            shell.run("echo nothing there; exit 3")
    assert "nothing there" in str(caught.value.hint)


def test_a_command_that_takes_too_long_is_cut_off(sshd: Sshd) -> None:
    with Shell(sshd.target()) as shell:
        began = time.monotonic()
        with pytest.raises(RemoteError, match="took longer than 1 s"):
            shell.run("sleep 5", timeout_s=1)
        assert time.monotonic() - began < 5


def test_a_server_that_leaves_without_a_word_is_told_too(sshd: Sshd) -> None:
    with Shell(sshd.target()) as shell:
        sshd.hang_up()
        with pytest.raises(
            RemoteError, match=r"not connected to 127|the other side closed it$|reset by peer$"
        ):
            shell.run("true")


@pytest.mark.parametrize(
    "command", ["sleep 60", "while true; do echo still here; sleep 0.1; done"], ids=["silent", "talking"]
)
def test_another_thread_may_break_a_command_off(sshd: Sshd, command: str) -> None:
    began = time.monotonic()
    with Shell(sshd.target()) as shell:
        threading.Timer(0.5, shell.close).start()
        with pytest.raises(RemoteError, match=r"the connection (to 127\.0\.0\.1 )?was lost during"):
            shell.run(command, timeout_s=50)
    assert time.monotonic() - began < 20
    shell.close()  # no error when there is none
