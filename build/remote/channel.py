"""What comes back from one command: its lines, its status, and what a message says of them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import paramiko

from build.errors import RemoteError

_LAST_LINES = 20
_POLL_S = 0.05


def lines(channel: paramiko.Channel, deadline: float, command: str, timeout_s: float) -> Iterator[str]:
    """Each line of its output (stdout and stderr as they come) until it ends.

    Raises RemoteError at the deadline (of time.monotonic).
    """
    buffer = b""
    while True:
        ended = channel.exit_status_ready() or channel.closed
        if not ended and time.monotonic() > deadline:  # whether it is silent or never stops talking
            channel.close()
            raise RemoteError(
                f"'{short(command)}' took longer than {timeout_s:.0f} s",
                hint="raise its time limit in the manifest or the provisioner",
            )
        if channel.recv_ready():
            *whole, buffer = (buffer + channel.recv(65536)).split(b"\n")
            yield from (line.decode("utf-8", "replace").rstrip("\r") for line in whole)
        elif ended:
            break
        else:
            # recv() with a timeout would do as well, but would not notice an exit status without end of file
            # (a background process that keeps the output open).
            channel.status_event.wait(_POLL_S)
    rest = buffer + _drain(channel)
    if rest:
        yield from rest.decode("utf-8", "replace").splitlines()


def read_until(coming: Iterator[str], wanted: str, earlier: list[str]) -> bool:
    """Whether the line came; ``earlier`` gets those before it."""
    for line in coming:
        if line == wanted:
            return True
        earlier.append(line)
    return False


def status(channel: paramiko.Channel, command: str) -> int:
    """How it ended. Raises RemoteError when the connection went away before that."""
    found = channel.recv_exit_status()
    if found < 0:  # a reboot, a machine that ended itself
        raise RemoteError(
            f"the connection was lost during '{short(command)}'",
            hint="did the instance reboot, run out of memory or end itself?",
        )
    return found


def short(command: str) -> str:
    """For a message."""
    return command if len(command) <= 60 else command[:57] + "..."


def tail(output: list[str]) -> str | None:
    """Its last lines, as a hint."""
    return "its last output:\n" + "\n".join(f"  {line}" for line in output[-_LAST_LINES:]) if output else None


def _drain(channel: paramiko.Channel) -> bytes:
    rest = b""
    while channel.recv_ready():
        rest += channel.recv(65536)
    return rest
