"""Where a user's servers keep temporary files: never on the machine's own disk.

/tmp, /dev/shm and Jupyter's runtime files are in memory that counts as the server's (jupyterhub_config.py):
a server starts whatever is full. /var/tmp, for what is large, is a folder of the data volume that belongs to
the user and counts as the user's disk space.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

log = logging.getLogger("hubsmith")

FOLDER = Path("/home/.tmp")
_IN_MEMORY = "/var/tmp:mode=1777,size=64M"  # noqa: S108 - mounted for one server alone


def properties(uid: int, unit: str, others: Mapping[str, str]) -> dict[str, str]:
    """What gives a unit with these other properties the /var/tmp of the user with this number.

    In memory where the folder cannot be made: a full disk keeps no server from starting. The unit's runtime
    directory, which SystemdSpawner insists on, is closed: it is in the machine's /run, which a user could
    fill. systemd would bind it over a file system of the server's own.
    """
    found = _added(others, "InaccessiblePaths", f"/run/{unit}")
    try:
        return _added(found, "BindPaths", f"{_folder(uid)}:/var/tmp")
    except OSError as exc:
        log.warning("temporary files of the user %s are all in memory: %s", uid, exc)
        return _added(found, "TemporaryFileSystem", _IN_MEMORY)


def _added(others: Mapping[str, str], key: str, value: str) -> dict[str, str]:
    return {**others, key: " ".join(dict.fromkeys([*others.get(key, "").split(), value]))}


def remove(uid: int) -> None:
    """Of a user made for a check, whose number another one gets."""
    shutil.rmtree(FOLDER / str(uid), ignore_errors=True)


def _folder(uid: int) -> Path:
    """Made if need be. Users cannot move or replace it: the folder above it is root's."""
    FOLDER.mkdir(mode=0o711, exist_ok=True)
    FOLDER.chmod(0o711)
    folder = FOLDER / str(uid)
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder, uid, uid)
    return folder
