"""What a command on an instance says, and how long it may take to say it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest

from build.errors import RemoteError
from build.remote import channel as channels


@dataclass
class Command:
    """As paramiko shows it: what it says next, over and over or once, and whether it has ended."""

    says: bytes = b""
    for_ever: bool = False
    ended: bool = False
    closed: bool = False
    status_event: threading.Event = field(default_factory=threading.Event)

    def recv_ready(self) -> bool:
        return bool(self.says)

    def recv(self, _: int) -> bytes:
        said, self.says = self.says, self.says if self.for_ever else b""
        return said

    def exit_status_ready(self) -> bool:
        return self.ended

    def close(self) -> None:
        self.closed = True


def lines(command: Command, within_s: float) -> list[str]:
    return list(channels.lines(command, time.monotonic() + within_s, "install.sh", within_s))  # type: ignore[arg-type]


@pytest.mark.parametrize("says", [b"", b"still at it\n"], ids=["silent", "talking"])
def test_the_limit_holds_whatever_it_says(says: bytes) -> None:
    command = Command(says, for_ever=True)
    with pytest.raises(RemoteError, match=r"'install\.sh' took longer than 0 s"):
        lines(command, 0.2)
    assert command.closed


def test_what_has_ended_is_read_to_the_end_however_late() -> None:
    assert lines(Command(b"one\r\ntwo\nthree", ended=True), -1) == ["one", "two", "three"]
