"""The Unix accounts behind the hub's users.

Each function runs the system's own tool and raises AccountError with its words.
"""

from __future__ import annotations

import grp
import os
import pwd
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hubsmith_machine import names

from hubsmith_hub import disk_limits, registry, userdb
from hubsmith_hub.userdb import CLOSED, FIRST_UID

# Whose members are root, or soon can be: by a command, by a daemon that obeys them, or by what they may read
# and write.
_PRIVILEGED = (
    *("root", "sudo", "wheel", "admin", "adm", "shadow", "disk", "staff"),
    *("docker", "lxd", "incus", "incus-admin", "libvirt", "kvm", "systemd-journal"),
)
_DAY_S = 86400
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another
_SHADOW = Path("/etc/shadow")


class AccountError(Exception):
    """What the system's tool said."""


def create(name: str) -> None:
    """Make an account with a home nobody else can read, and no password yet.

    A number once given stays that name's.
    """
    if problem := names.problem(name):
        raise AccountError(problem)
    with _noted() as kept:
        number = ("--uid", str(kept.uid_for(name))) if kept else ("--key", f"UID_MIN={FIRST_UID}")
        keys = ("--key", "HOME_MODE=0700", *number)
        _run(
            "useradd", "--create-home", "--shell", "/bin/bash", "--user-group", "--badname", *keys, "--", name
        )
    disk_limits.try_to_apply(name)


def close(name: str) -> None:
    """Nobody logs in as this account any more; its files stay. Accounts not made here are left alone."""
    if userdb.is_kept(pwd.getpwnam(name).pw_uid):
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
    found = password_hash(name)
    return found not in ("", "x") and found[0] not in "!*"


def password_hash(name: str) -> str:
    """The second field in /etc/shadow, which begins with ! while the account is locked; empty for an account
    that is not there.
    """
    return next(iter(_shadow(name)[1:2]), "")


def is_ordinary(name: str) -> bool:
    """An account whose password the hub may set: one of a user, who has no way to become root."""
    return _special(name) is None


def refusal(name: str) -> str | None:
    """Why nobody is let in, and no server is started, as ``name``; None for an open account of one of the
    hub's users.

    Asked by everything that acts for a user: logins, the admin page, and above all the spawner, which runs
    programs as that account.
    """
    if problem := _special(name):
        return problem
    if _has_ended(name):
        return f"the account {name} is closed"
    uid = pwd.getpwnam(name).pw_uid
    try:
        known = uid in userdb.TRIAL_UIDS or registry.knows(name, uid)
    except (OSError, ValueError) as exc:
        return str(exc)
    return None if known else f"{name} ({uid}) is not among the users that are kept on the data volume"


def _special(name: str) -> str | None:
    """What makes this another account than one of a user."""
    if problem := names.problem(name):
        return problem
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        return f"there is no account {name}"
    if not userdb.is_users(account.pw_uid):
        return f"{name} is an account of the machine, not one of the hub's users"
    theirs = set(os.getgrouplist(name, account.pw_gid))
    privileged = [
        group.gr_name for group in grp.getgrall() if group.gr_name in _PRIVILEGED and group.gr_gid in theirs
    ]
    return f"{name} is in the group {privileged[0]}, whose members can become root" if privileged else None


def _has_ended(name: str) -> bool:
    """Closed by `close`, or expired in another way, as by an operator's usermod."""
    expires = _shadow(name)[7:8]
    return bool(expires and expires[0] and int(expires[0]) <= time.time() / _DAY_S)


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
