"""The Unix accounts behind the hub's users. Each function runs the system's own tool and raises AccountError with its words."""

from __future__ import annotations

import grp
import os
import pwd
import secrets
import subprocess
from pathlib import Path

FIRST_UID = 2000
"""Accounts made here have numbers from 2000: below are those of the image and of whoever looks after the machine."""

_PRIVILEGED = ("sudo", "wheel", "admin", "adm", "root")
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another
_SHADOW = Path("/etc/shadow")
_CLOSED = "2"  # days after 1970-01-01: expired, and told apart from what an operator expires by hand (who takes 0 or 1)


class AccountError(Exception):
    """What the system's tool said."""


def create(name: str) -> None:
    """Make an account with a home nobody else can read, and no password yet."""
    keys = ("--key", f"UID_MIN={FIRST_UID}", "--key", "HOME_MODE=0700")
    _run("useradd", "--create-home", "--shell", "/bin/bash", "--user-group", "--badname", *keys, "--", name)


def close(name: str) -> None:
    """Nobody logs in as this account any more; its files stay. Accounts not made here are left alone."""
    if pwd.getpwnam(name).pw_uid >= FIRST_UID:
        _run("usermod", "--lock", "--expiredate", _CLOSED, "--", name)


def reopen(name: str) -> None:
    """Undo `close`, but for the password: a new one has to be given."""
    fields = _shadow(name)
    if len(fields) > 7 and fields[7] == _CLOSED:
        _run("usermod", "--expiredate", "", "--", name)


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
    return account.pw_uid >= 1000 and account.pw_uid < 60000 and not privileged & set(os.getgrouplist(name, account.pw_gid))


def new_password() -> str:
    """A password to be read out once, with 59 bits of chance: abcd-efgh-jkmn."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))


def set_password(name: str, password: str) -> None:
    """Give the account this password."""
    if "\n" in password or ":" in name:
        raise AccountError("neither a line break nor a colon can be part of this")
    _run("chpasswd", told=f"{name}:{password}\n")


def _shadow(name: str) -> list[str]:
    lines = (line.split(":") for line in _SHADOW.read_text(encoding="utf-8").splitlines())
    return next((fields for fields in lines if fields[0] == name), [])


def _run(*command: str, told: str | None = None) -> None:
    done = subprocess.run(command, input=told, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AccountError(done.stderr.strip() or f"{command[0]} ended with status {done.returncode}")
