"""Who the hub's users are, kept on the data volume: a replaced machine has the same people and numbers.

A machine without a data volume keeps none. On one with it, the boot program puts everybody into the machine's
own files before the hub starts; from then on whatever changes those files, here or by hand, is noted
(hubsmith-users.path).
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from hubsmith_hub import spare
from hubsmith_hub.userdb import Files, User, Users, merged, next_uid, replayed

log = logging.getLogger("hubsmith")

FOLDER = Path("/data/hubsmith")
REGISTRY = FOLDER / "users.json"
IN_USE = Path("/run/hubsmith/registry.json")
"""Made when everybody is in place since this boot; it names those who could not be placed."""

SCHEMA = 1
_ETC = Path("/etc")
_PASSWORD_LOCK = _ETC / ".pwd.lock"  # what useradd, passwd and their like hold while they write (lckpwdf)


class Changing:
    """The registry while it is held for a change."""

    def __init__(self, kept: Users) -> None:
        self._kept = kept

    def uid_for(self, name: str) -> int:
        """The number this name has, or a fresh one."""
        user = self._kept.users.get(name)
        return user.uid if user else next_uid(self._kept, read_files())


@contextmanager
def changing() -> Iterator[Changing | None]:
    """Hold the registry while accounts change, then note what they are; None on a machine without one."""
    if not IN_USE.exists():
        yield None
        return
    with _held():
        try:
            yield Changing(load())
        finally:
            _note()


def knows(name: str, uid: int) -> bool:
    """Is this one of its users? Always so on a machine that keeps none. Raises ValueError, OSError."""
    if not IN_USE.exists():
        return True
    user = load().users.get(name)
    return user is not None and user.uid == uid


def note() -> None:
    """Bring the registry up to date with this machine's accounts."""
    with changing():
        pass


def place() -> dict[str, str]:
    """Put everybody into this machine's files; {name: why not} of those for whom it has no place.

    Raises ValueError, OSError.
    """
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    with _held(), _accounts_held():
        kept = load()
        before = read_files()
        after, problems = replayed(kept, before)
        for name, text in vars(after).items():
            if text != getattr(before, name):
                _replace(_ETC / name, text)
        IN_USE.write_text(json.dumps({"skipped": sorted(problems)}), encoding="utf-8")
    note()
    return problems


def load() -> Users:
    """Raises ValueError for a file that is not a registry; nobody is forgotten silently."""
    if not os.path.ismount(FOLDER.parent):
        raise ValueError(
            f"the data volume is not mounted at {FOLDER.parent}: users are neither read nor noted"
        )
    if not REGISTRY.exists():
        return Users()
    try:
        data = json.loads(REGISTRY.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']}, and this image knows {SCHEMA}")  # noqa: TRY301 - told with the file's name
        users = {
            name: User(**{**user, "groups": tuple(user["groups"])}) for name, user in data["users"].items()
        }
        return Users(users, dict(data["groups"]))
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ValueError(
            f"{REGISTRY} cannot be read ({exc!r}): restore it from a snapshot of the data volume"
        ) from exc


def _note() -> None:
    with _accounts_held():
        files = read_files()
    kept = load()
    skipped = frozenset(json.loads(IN_USE.read_text(encoding="utf-8"))["skipped"])
    new, problems = merged(kept, files, skipped)
    for problem in problems:
        log.warning("%s", problem)
    if new != kept or not REGISTRY.exists():
        document = {
            "schema": SCHEMA,
            "users": {name: asdict(user) for name, user in new.users.items()},
            "groups": dict(new.groups),
        }
        _write(REGISTRY, json.dumps(document, indent=1) + "\n", 0o600)


@contextmanager
def _held() -> Iterator[None]:
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _accounts_held() -> Iterator[None]:
    """So that nobody is seen half made: in passwd and not yet in shadow."""
    with os.fdopen(os.open(_PASSWORD_LOCK, os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        yield


def read_files() -> Files:
    """passwd, shadow, group and gshadow of this machine."""
    return Files(*((_ETC / name).read_text(encoding="utf-8") for name in Files.__dataclass_fields__))


def _replace(path: Path, text: str) -> None:
    was = path.stat()
    _write(path, text, was.st_mode & 0o777, (was.st_uid, was.st_gid))


def _write(path: Path, text: str, mode: int, owner: tuple[int, int] = (0, 0)) -> None:
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(spare.create(new), "w", encoding="utf-8") as stream:
        os.fchown(stream.fileno(), *owner)
        os.fchmod(stream.fileno(), mode)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(path)
