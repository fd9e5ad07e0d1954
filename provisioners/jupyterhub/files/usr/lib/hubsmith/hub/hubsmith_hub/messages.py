"""What the hub's operator tells its users: a file for everybody, and one for each user who is told something.

Users' servers read them as those users (hubsmith_server/told.py), so they are outside /run/hubsmith, which
only root may open. A user's own file can be read by root and the user's own group. They are in memory: a
machine that was started anew has none.
"""

from __future__ import annotations

import fcntl
import grp
import json
import os
import pwd
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path("/run/hubsmith-messages")
LONGEST = 500
"""Characters of one message. `invoke tell` knows it too (build/operate/messages.py)."""
MOST = 10
"""Messages for one reader: more are not read."""
EVERYONE = "everyone"


@dataclass(frozen=True)
class Message:
    """Plain text, from ``until`` on no more shown (seconds of the epoch; None: it stays)."""

    id: str
    text: str
    until: float | None = None
    stop_at: float | None = None
    """When the operator is going to stop the servers."""


def problem(text: str, stop_at: float | None) -> str | None:
    """Why nobody can be told this."""
    if not text and stop_at is None:
        return "the message is empty"
    if len(text) > LONGEST:
        return f"the message has {len(text)} characters, and may have {LONGEST}"
    if not all(letter.isprintable() or letter == "\n" for letter in text):
        return "the message has characters that cannot be shown"
    return None


def add(
    users: Sequence[str | None], text: str, until: float | None = None, stop_at: float | None = None
) -> None:
    """Tell some users, or everybody (None). Raises ValueError where one cannot be told; nobody is then."""
    if trouble := problem(text, stop_at):
        raise ValueError(trouble)
    ends = [time_s for time_s in (until, stop_at) if time_s is not None]
    message = Message(secrets.token_hex(8), text, min(ends, default=None), stop_at)
    with _held():
        before = {user: _room(user) for user in users}
        for user, earlier in before.items():
            _write(user, [*earlier, message])


def clear(user: str | None) -> int:
    """Take back what one user, or everybody, was told; how many messages it was."""
    with _held():
        number = len(read(user))
        _file(user).unlink(missing_ok=True)
    return number


def read(user: str | None) -> list[Message]:
    """What one user alone, or everybody, is told now. Raises OSError, ValueError, KeyError."""
    try:
        text = _file(user).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    now = time.time()
    found = [Message(**entry) for entry in json.loads(text)]
    return [message for message in found if message.until is None or now < message.until]


def users() -> list[str]:
    """Who is told something alone."""
    numbers = (int(path.stem) for path in FOLDER.glob("*.json") if path.stem != EVERYONE)
    names = {account.pw_uid: account.pw_name for account in pwd.getpwall()}
    return sorted(names[number] for number in numbers if number in names)


def _room(user: str | None) -> list[Message]:
    """What is told already. Raises ValueError where nothing can be added to it."""
    if user is not None and _is_shared(account := pwd.getpwnam(user)):
        raise ValueError(f"{user} shares the group {account.pw_gid} with others, who would read the message")
    before = read(user)
    if len(before) >= MOST:
        raise ValueError(f"{user or EVERYONE} has {MOST} messages already: clear them first")
    return before


def _file(user: str | None) -> Path:
    return FOLDER / f"{EVERYONE if user is None else pwd.getpwnam(user).pw_uid}.json"


def _write(user: str | None, messages: list[Message]) -> None:
    """Into a new file that takes the old one's place: nobody reads half of one."""
    path = _file(user)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    place = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(place, "w", encoding="utf-8") as stream:
        json.dump([asdict(message) for message in messages], stream)
        _let_read(place, user)
    new.replace(path)


def _let_read(place: int, user: str | None) -> None:
    if user is None:
        os.fchmod(place, 0o644)
        return
    os.fchown(place, 0, pwd.getpwnam(user).pw_gid)
    os.fchmod(place, 0o640)


def _is_shared(account: pwd.struct_passwd) -> bool:
    """Is anybody else in the account's own group?"""
    others = [one for one in pwd.getpwall() if one.pw_gid == account.pw_gid and one.pw_uid != account.pw_uid]
    return bool(others) or any(name != account.pw_name for name in grp.getgrgid(account.pw_gid).gr_mem)


@contextmanager
def _held() -> Iterator[None]:
    """One change at a time."""
    # Entered by all, listed by root: whoever is told something alone is nobody else's business.
    FOLDER.mkdir(mode=0o711, exist_ok=True)
    folder = os.open(FOLDER, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
