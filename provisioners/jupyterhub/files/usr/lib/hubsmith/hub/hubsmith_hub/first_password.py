"""The administrator's first password, also in SSM: how long it works; the first login must change it.

It is told by its hash in /etc/shadow: whoever gives the account another password, in whatever way, is done
with it. The file is beside the hub's database, on the data volume, so that a machine that takes over knows as
much.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from hubsmith_hub import accounts, registry, spare

FILE = Path("/srv/jupyterhub/first-password.json")

State = Literal["none", "unfinished", "waiting", "expired", "used", "changed"]
"""none: nobody was given one. waiting: nobody has logged in. used: the login was, the new password is not set
yet.
"""


@dataclass(frozen=True)
class Given:
    """A first password: digests of itself and of its hash, and until when (seconds since 1970) somebody may
    log in with it.
    """

    value: str
    until: int
    hash: str = ""
    used: bool = False


def state(given: Given | None, shadow: str, now: float) -> State:
    """``shadow``: the account's second field in /etc/shadow, which begins with ! while it is locked."""
    if given is None:
        return "none"
    if not given.hash:
        return "unfinished"
    if digest(shadow.lstrip("!")) != given.hash:
        return "changed"
    if given.used:
        return "used"
    return "expired" if now >= given.until or shadow.startswith("!") else "waiting"


def state_of(name: str) -> State:
    """Of this account now. Raises OSError, ValueError."""
    given = load().get(name)
    return state(given, accounts.password_hash(name), time.time()) if given else "none"


def must_change(name: str) -> bool:
    """Has this user logged in with a first password, and set no other yet?"""
    return state_of(name) == "used"


def is_new(name: str, password: str) -> bool:
    """Is it another one than the account was given before?"""
    given = load().get(name)
    return given is None or not given.hash or given.value != digest(password)


def give(name: str, password: str, hours: float) -> None:
    """Let it be the account's password for so long. Raises AccountError, OSError, ValueError."""
    given = Given(digest(password), int(time.time() + hours * 3600))
    # Before the password is set: it must never work without its end.
    _keep(name, given)
    accounts.set_password(name, password)
    _keep(name, replace(given, hash=digest(accounts.password_hash(name))))


def accept_login(name: str) -> bool:
    """Note a login that was right; False when the password's time has passed. Raises OSError, ValueError."""
    found = state_of(name)
    if found == "waiting":
        _keep(name, replace(load()[name], used=True))
    return found != "expired"


def lock_expired() -> list[str]:
    """Lock accounts whose first password nobody used in time, until they get another; their names."""
    overdue = [
        name
        for name in load()
        if state_of(name) == "expired" and not accounts.password_hash(name).startswith("!")
    ]
    for name in overdue:
        with registry.changing():
            subprocess.run(["usermod", "--lock", "--", name], check=True, capture_output=True)
    return overdue


def is_in_ssm_for_nothing(name: str) -> bool:
    """Does no boot of the machine need the parameter any more?"""
    found = state_of(name)
    return accounts.has_password(name) if found == "none" else found not in ("unfinished", "waiting")


def load() -> dict[str, Given]:
    """Who was given one.

    Raises ValueError for a file that cannot be read: a first password must not become one without an end.
    """
    if not FILE.exists():
        return {}
    try:
        return {name: Given(**given) for name, given in json.loads(FILE.read_text(encoding="utf-8")).items()}
    except (ValueError, TypeError, AttributeError) as exc:
        raise ValueError(
            f"{FILE} cannot be read ({exc!r}): remove it, and give its users new passwords"
        ) from exc


def digest(text: str) -> str:
    """In hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _keep(name: str, given: Given) -> None:
    with _held():
        _write({**load(), name: given})


def _write(everybody: Mapping[str, Given]) -> None:
    new = FILE.with_name(f".{FILE.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(spare.create(new), "w", encoding="utf-8") as stream:
        json.dump({name: asdict(given) for name, given in everybody.items()}, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(FILE)


@contextmanager
def _held() -> Iterator[None]:
    with FILE.with_name(f".{FILE.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
