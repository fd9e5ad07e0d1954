"""Homes that would keep their owners out, mended before a server starts.

systemd changes to the home before it runs a server, and the server needs to read and write there. Only what
is directly in /home is mended, where nobody but root can put anything: a home somewhere else, or a link, is
an administrator's own choice.
"""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import stat
from pathlib import Path

log = logging.getLogger("hubsmith")

HOMES = Path("/home")
_SKELETON = Path("/etc/skel")  # what useradd copies
_OWNERS_RIGHTS = 0o700


class HomeError(Exception):
    """Why the server of a user cannot start, in words for that user."""


def prepare(account: pwd.struct_passwd) -> None:
    """Make a home that is missing, and let its owner into one that is closed. Raises HomeError."""
    home = Path(account.pw_dir)
    if home.parent != HOMES or home.is_symlink():
        return
    try:
        if not os.path.lexists(home):
            _make(home, account)
        else:
            _open_to_owner(home, account)
    except OSError as exc:
        raise HomeError(f"The home folder {home} cannot be made or opened: {exc.strerror}.") from exc


def _make(home: Path, account: pwd.struct_passwd) -> None:
    """As useradd does. It is root's until it is complete."""
    log.warning("the home folder %s was missing, and is made", home)
    home.mkdir(mode=_OWNERS_RIGHTS)
    try:
        if _SKELETON.is_dir():
            shutil.copytree(_SKELETON, home, symlinks=True, dirs_exist_ok=True)
        for folder, folders, files in os.walk(home):
            for name in (*folders, *files):
                os.chown(Path(folder, name), account.pw_uid, account.pw_gid, follow_symlinks=False)
        home.chmod(_OWNERS_RIGHTS)  # copytree gives it the skeleton's
        os.chown(home, account.pw_uid, account.pw_gid)
    except (OSError, shutil.Error) as exc:
        # Half a home is like a whole one to whoever looks next.
        shutil.rmtree(home, ignore_errors=True)
        raise exc if isinstance(exc, OSError) else OSError(0, str(exc)) from exc


def _open_to_owner(home: Path, account: pwd.struct_passwd) -> None:
    if not home.is_dir():
        raise HomeError(
            f"The home folder {home} is a file. An administrator of the machine has to remove it."
        )
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        now = os.fstat(folder)
        if now.st_uid != account.pw_uid:
            if (owner := _other_owner(now.st_uid)) is not None:
                raise HomeError(
                    f"The home folder {home} belongs to {owner}. An administrator of the machine has to "
                    f"change that: chown --recursive {account.pw_name}: {home}"
                )
            log.warning("the home folder %s did not belong to %s, and does now", home, account.pw_name)
            os.fchown(folder, account.pw_uid, account.pw_gid)
        if now.st_mode & _OWNERS_RIGHTS != _OWNERS_RIGHTS:
            log.warning("the home folder %s was closed to its owner, and is open", home)
            os.fchmod(folder, stat.S_IMODE(now.st_mode) | _OWNERS_RIGHTS)
    finally:
        os.close(folder)


def _other_owner(uid: int) -> str | None:
    """The account whose home it seems to be; None for root's, as after a backup was restored, and for a
    number that no account has.
    """
    if uid == 0:
        return None
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None
