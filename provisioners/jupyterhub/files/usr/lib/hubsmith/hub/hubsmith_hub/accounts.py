"""The Unix accounts behind the hub's users. Each function runs the system's own tool and raises AccountError with its words."""

from __future__ import annotations

import grp
import os
import pwd
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hubsmith_hub import registry
from hubsmith_hub.userdb import CLOSED, FIRST_UID, LAST_UID

_PRIVILEGED = ("sudo", "wheel", "admin", "adm", "root")
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another
_SHADOW = Path("/etc/shadow")


class AccountError(Exception):
    """What the system's tool said."""


def create(name: str) -> None:
    """Make an account with a home nobody else can read, and no password yet. A number once given stays that name's."""
    with _noted() as kept:
        number = ("--uid", str(kept.uid_for(name))) if kept else ("--key", f"UID_MIN={FIRST_UID}")
        keys = ("--key", "HOME_MODE=0700", *number)
        _run("useradd", "--create-home", "--shell", "/bin/bash", "--user-group", "--badname", *keys, "--", name)


def close(name: str) -> None:
    """Nobody logs in as this account any more; its files stay. Accounts not made here are left alone."""
    if pwd.getpwnam(name).pw_uid >= FIRST_UID:
        with _noted():
            _run("usermod", "--lock", "--expiredate", CLOSED, "--", name)


def reopen(name: str) -> None:
    """Undo `close`, but for the password: a new one has to be given."""
    if is_closed(name):
        with _noted():
            _run("usermod", "--expiredate", "", "--", name)


def exists(name: str) -> bool:
    """Is there an account of this name?"""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def is_closed(name: str) -> bool:
    """Was it closed by `close`?"""
    return _shadow(name)[7:8] == [CLOSED]


def join(name: str, group: str) -> None:
    """Make the account a member of a group of the machine."""
    if name not in grp.getgrnam(group).gr_mem:
        with _noted():
            _run("gpasswd", "--add", name, group)


def has_password(name: str) -> bool:
    """Can this account log in with a password?"""
    fields = _shadow(name)
    return len(fields) > 1 and fields[1] not in ("", "x") and fields[1][0] not in "!*"


def is_ordinary(name: str) -> bool:
    """An account whose password the hub may set: there, not the system's, and with no way to become root."""
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        return False
    privileged = {group.gr_gid for group in grp.getgrall() if group.gr_name in _PRIVILEGED}
    return account.pw_uid >= 1000 and account.pw_uid <= LAST_UID and not privileged & set(os.getgrouplist(name, account.pw_gid))


def new_password() -> str:
    """A password to be read out once, with 59 bits of chance: abcd-efgh-jkmn."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))


def set_password(name: str, password: str) -> None:
    """Give the account this password."""
    if "\n" in password or ":" in name:
        raise AccountError("neither a line break nor a colon can be part of this")
    with _noted():
        _run("chpasswd", told=f"{name}:{password}\n")


@contextmanager
def _noted() -> Iterator[registry.Changing | None]:
    try:
        with registry.changing() as kept:
            yield kept
    except (OSError, ValueError) as exc:
        raise AccountError(str(exc)) from exc


def _shadow(name: str) -> list[str]:
    lines = (line.split(":") for line in _SHADOW.read_text(encoding="utf-8").splitlines())
    return next((fields for fields in lines if fields[0] == name), [])


def _run(*command: str, told: str | None = None) -> None:
    done = subprocess.run(command, input=told, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AccountError(done.stderr.strip() or f"{command[0]} ended with status {done.returncode}")
