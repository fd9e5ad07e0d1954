"""One ssh connection whose host key is known before the first byte."""

from __future__ import annotations

import base64
import io
import logging
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

import paramiko

from build.errors import RemoteError
from build.remote import channel as channels
from build.remote.keys import SshKey

_CONNECT_S, _BANNER_S = 10, 30
# To log somebody in and to open their session takes a machine that is booting, and busy, much longer than to
# greet.
_AUTH_S, _SESSION_S = 60, 60
_KEEPALIVE_S = 15

# paramiko logs tracebacks of its threads; what went wrong reaches the user as a RemoteError.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


@dataclass(frozen=True)
class Target:
    """Where to connect and how to know that it is the right machine; ``host_key`` is its public key line."""

    address: str
    user: str
    identity: SshKey
    host_key: str
    port: int = 22


@dataclass(frozen=True)
class Result:
    """What a command left: exit status and its output (stdout and stderr as they came)."""

    status: int
    output: str


class Shell:
    """A connection to ``target``. Use it as a context manager; it connects on entering.

    Raises RemoteError on entering when nobody answers, the key is refused or the host key is another one.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._client: paramiko.SSHClient | None = None

    def __enter__(self) -> Shell:
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        kind, blob = self.target.host_key.split()[:2]
        name = (
            self.target.address if self.target.port == 22 else f"[{self.target.address}]:{self.target.port}"
        )
        client.get_host_keys().add(name, kind, paramiko.Ed25519Key(data=base64.b64decode(blob)))
        try:
            client.connect(
                self.target.address,
                port=self.target.port,
                username=self.target.user,
                pkey=paramiko.Ed25519Key.from_private_key(io.StringIO(self.target.identity.private)),
                look_for_keys=False,
                allow_agent=False,
                timeout=_CONNECT_S,
                banner_timeout=_BANNER_S,
                auth_timeout=_AUTH_S,
            )
        except (paramiko.SSHException, OSError, EOFError) as exc:
            client.close()
            raise RemoteError(
                f"ssh to {self.target.user}@{self.target.address} failed: {_reason(exc)}"
            ) from exc
        transport = client.get_transport()
        if transport is not None:
            transport.set_keepalive(_KEEPALIVE_S)
        self._client = client
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection, from any thread: a command that runs on it then raises RemoteError."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def run(
        self, command: str, *arguments: str, root: bool = False, timeout_s: float = 60, check: bool = True
    ) -> Result:
        """Run ``command`` with each ``%s`` replaced by a quoted argument.

        Raises RemoteError when it exits with another status than 0 (unless ``check`` is false), takes longer
        than ``timeout_s`` seconds, or the connection is lost.
        """
        lines: list[str] = []
        status = self.stream(
            _quoted(command, arguments), on_line=lines.append, root=root, timeout_s=timeout_s
        )
        if check and status != 0:
            raise self._ended(command, status, lines)
        return Result(status, "\n".join(lines))

    def send(
        self, data: bytes, command: str, *arguments: str, root: bool = False, timeout_s: float = 300
    ) -> None:
        """Run ``command`` with ``data`` on its standard input. Raises RemoteError as ``run`` does."""
        lines: list[str] = []
        status = self.stream(
            _quoted(command, arguments), on_line=lines.append, root=root, timeout_s=timeout_s, data=data
        )
        if status != 0:
            raise self._ended(command, status, lines)

    def stream(
        self,
        command: str,
        *,
        on_line: Callable[[str], object],
        root: bool = False,
        timeout_s: float = 60,
        data: bytes | None = None,
    ) -> int:
        """Run ``command``, hand over each line of its output as it comes, and return its exit status.

        Raises RemoteError after ``timeout_s`` seconds or when the connection is lost before it ends.
        """
        deadline = time.monotonic() + timeout_s
        try:
            channel = self._channel()
            channel.exec_command(self._as_root(command) if root else command)
            if data is not None:
                channel.sendall(data)
                channel.shutdown_write()
            for line in channels.lines(channel, deadline, command, timeout_s):
                on_line(line)
            return channels.status(channel, command)
        except (paramiko.SSHException, OSError, EOFError) as exc:
            raise RemoteError(
                f"the connection to {self.target.address} was lost during '{channels.short(command)}': "
                f"{_reason(exc)}"
            ) from exc

    @contextmanager
    def holding(
        self, command: str, *, until: str, root: bool = False, timeout_s: float = 60
    ) -> Iterator[None]:
        """Start ``command``, wait for its line ``until``, run the block, end its stdin and wait for its end.

        Its standard input ends also when the block fails, or this process does. Raises RemoteError when the
        command ends before that line, with another status than 0, or not within ``timeout_s`` seconds.
        """
        said: list[str] = []
        try:
            channel = self._channel()
            channel.exec_command(self._as_root(command) if root else command)
            lines = channels.lines(channel, time.monotonic() + timeout_s, command, timeout_s)
            if not channels.read_until(lines, until, said):
                raise self._ended(channels.short(command), channels.status(channel, command), said)
            try:
                yield
            finally:
                channel.shutdown_write()
            said += lines
            if status := channels.status(channel, command):
                raise self._ended(channels.short(command), status, said)
        except (paramiko.SSHException, OSError, EOFError) as exc:
            raise RemoteError(
                f"the connection to {self.target.address} was lost during '{channels.short(command)}'"
            ) from exc

    def _channel(self) -> paramiko.Channel:
        transport = self._client.get_transport() if self._client else None
        if transport is None or not transport.is_active():
            raise RemoteError(f"not connected to {self.target.address}")
        channel = transport.open_session(timeout=_SESSION_S)
        channel.set_combine_stderr(True)
        return channel

    def _ended(self, command: str, status: int, said: list[str]) -> RemoteError:
        return RemoteError(
            f"'{command}' on {self.target.address} ended with status {status}", hint=channels.tail(said)
        )

    def _as_root(self, command: str) -> str:
        if self.target.user == "root":
            return command
        return f"sudo -n -- sh -c {shlex.quote(command)}"


def exports(environment: Mapping[str, str]) -> str:
    """A file for ``.`` (dot) in a shell that exports ``environment``."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items()))


def _reason(error: Exception) -> str:
    """Why a connection failed; paramiko's EOFError says nothing."""
    return str(error) or ("the other side closed it" if isinstance(error, EOFError) else type(error).__name__)


def _quoted(command: str, arguments: tuple[str, ...]) -> str:
    return command % tuple(shlex.quote(argument) for argument in arguments) if arguments else command
