"""How much each user may keep on the data volume, in bytes and in files.

The image has one limit for everybody (the manifest's `hub.disk_limit`). A user with another one is in
disk-limits.json on the data volume, which a new image reads and an older one ignores. The kernel's own limits
(quota.py) follow from both; `apply` sets them at each boot, when an account is made, when a server starts and
when a limit changes.

A volume that comes from an image without limits has no disk-limits.json. Whoever uses more than NEARLY_FULL
of the common limit then gets what is used plus HEADROOM as a limit of their own, so that no update stops
anybody's work. The file is written last: a boot that ended before it does this again.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import pwd
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hubsmith_hub import quota, registry, spare, userdb

log = logging.getLogger("hubsmith")

SETTINGS = Path("/etc/hubsmith/disk.json")
FROZEN = Path("/run/hubsmith/frozen-inodes.json")
"""{number: most inodes} of the users while the volume runs out of inodes; see disk_guard.py."""
FROZEN_NEWCOMER = 64
"""Most inodes, meanwhile, of a user whose account was made after that."""

SCHEMA = 1
BYTES_PER_INODE = 16384
"""Users get one file for so many bytes of their limit: ext4's own ratio (mke2fs.conf), so that whoever can
fill the blocks can fill the inodes."""
FEWEST_INODES = 100_000
NEARLY_FULL, HEADROOM = 0.8, 0.2
OPERATOR, EXISTING_FILES = "operator", "existing files"
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class Limit:
    """Most bytes and inodes; 0 is no limit. ``origin`` is who or what set a limit of one user's own."""

    max_bytes: int
    max_inodes: int
    origin: str = ""


def parse(text: str) -> Limit:
    """`50G` or `none`; the number of inodes follows from the bytes. Raises ValueError."""
    if text == "none":
        return Limit(0, 0)
    amount = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT])", text)
    if not amount or not (size := int(float(amount[1]) * _UNITS[amount[2]])):
        raise ValueError(f"{text!r} is not an amount such as 500M or 50G, nor none")
    return Limit(size, max(size // BYTES_PER_INODE, FEWEST_INODES))


def common() -> Limit:
    """Everybody's, of this image. Raises OSError, ValueError, KeyError for a file that no build writes."""
    text = json.loads(SETTINGS.read_text(encoding="utf-8"))["limit"]
    return parse("none" if text is None else text)


def own() -> dict[str, Limit]:
    """Those of single users, by name. Raises ValueError for a file that cannot be read."""
    path = _path()
    if not path.exists():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']}, and this image knows {SCHEMA}")  # noqa: TRY301 - told with the file's name
        return {name: Limit(**limit) for name, limit in data["users"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"{path} cannot be read ({exc!r}): no limit was changed") from exc


def of(name: str, own_limits: Mapping[str, Limit], usual: Limit) -> Limit:
    """The limit that holds for a user. One that existing files got never is below everybody's."""
    mine = own_limits.get(name)
    if mine is None:
        return usual
    if mine.origin == EXISTING_FILES and (not usual.max_bytes or usual.max_bytes > mine.max_bytes):
        return usual
    return mine


def apply(*names: str) -> bool:
    """Set the kernel's limits of these users, or of all; False where the volume keeps no quotas.

    Raises OSError, ValueError.
    """
    special = quota.device()
    if special is None or not quota.turn_on(special):
        return False
    usual, own_limits, frozen = common(), own(), _frozen()
    for name, uid in users().items():
        if names and name not in names:
            continue
        limit = of(name, own_limits, usual)
        ceiling = 0 if frozen is None else frozen.get(str(uid), FROZEN_NEWCOMER)
        inodes = min((most for most in (limit.max_inodes, ceiling) if most), default=0)
        quota.put(special, uid, limit.max_bytes, inodes)
    return True


def try_to_apply(*names: str) -> None:
    """As `apply`, where a failure must not keep a user from an account or a server: it is logged."""
    try:
        apply(*names)
    except (OSError, ValueError, KeyError) as exc:
        log.warning("the disk limit%s is not set: %s", f" of {', '.join(names)}" if names else "s", exc)


def change(name: str, text: str) -> None:
    """Give a user a limit (50G, none) or everybody's again (default). Raises OSError, ValueError."""
    with _held():
        limits = own()
        if text == "default":
            limits.pop(name, None)
        else:
            parsed = parse(text)
            limits[name] = Limit(parsed.max_bytes, parsed.max_inodes, OPERATOR)
        _write(limits)
    apply(name)


def begin() -> dict[str, Limit]:
    """On the first boot with limits, give those who use much one of their own; who got one.

    Raises OSError, ValueError.
    """
    special = quota.device()
    if _path().exists() or special is None or not quota.turn_on(special):
        return {}
    usual, given = common(), {}
    for name, uid in users().items():
        if limit := grown(quota.get(special, uid), usual):
            given[name] = limit
    with _held():
        _write(given)
    return given


def grown(used: quota.Quota, usual: Limit) -> Limit | None:
    """The own limit of a user with existing files; None for one who is well below everybody's."""
    near = (
        usual.max_bytes and used.used_bytes > NEARLY_FULL * usual.max_bytes,
        usual.max_inodes and used.used_inodes > NEARLY_FULL * usual.max_inodes,
    )
    if not any(near):
        return None
    return Limit(
        max(usual.max_bytes, int(used.used_bytes * (1 + HEADROOM))),
        max(usual.max_inodes, int(used.used_inodes * (1 + HEADROOM))),
        EXISTING_FILES,
    )


def report() -> list[dict[str, Any]]:
    """Each user's use and limits, as `users` and `status` show them; empty where there are no quotas.

    Raises OSError, ValueError.
    """
    special = quota.device()
    if special is None or not quota.are_on(special):
        return []
    usual, own_limits = common(), own()
    rows = []
    for name, uid in sorted(users().items()):
        limit, now = of(name, own_limits, usual), quota.get(special, uid)
        rows.append(
            {
                "name": name,
                "used_bytes": now.used_bytes,
                "used_inodes": now.used_inodes,
                "max_bytes": limit.max_bytes,
                "max_inodes": limit.max_inodes,
                "origin": limit.origin,
            }
        )
    return rows


def is_nearly_full(row: Mapping[str, Any]) -> bool:
    """Does this user of `report` use more than NEARLY_FULL of a limit?"""
    return any(
        row[f"max_{kind}"] and row[f"used_{kind}"] > NEARLY_FULL * row[f"max_{kind}"]
        for kind in ("bytes", "inodes")
    )


def promised(rows: list[dict[str, Any]], size_bytes: int) -> str | None:
    """A warning when the limits of all users together exceed the volume, or somebody has none."""
    without = [row["name"] for row in rows if not row["max_bytes"]]
    total = sum(row["max_bytes"] for row in rows)
    if not without and total <= size_bytes:
        return None
    gib = 2**30
    told = (
        f"users' disk limits add up to {total / gib:.1f} GiB, and the data volume has {size_bytes / gib:.1f}"
    )
    return f"{len(without)} of {len(rows)} users have no disk limit" if without else told


def users() -> dict[str, int]:
    """The hub's users of this machine, those of checks included."""
    return {one.pw_name: one.pw_uid for one in pwd.getpwall() if userdb.is_users(one.pw_uid)}


def _frozen() -> dict[str, int] | None:
    return dict(json.loads(FROZEN.read_text(encoding="utf-8"))) if FROZEN.exists() else None


def _path() -> Path:
    return registry.FOLDER / "disk-limits.json"


def _write(limits: Mapping[str, Limit]) -> None:
    document = {"schema": SCHEMA, "users": {name: asdict(limit) for name, limit in limits.items()}}
    path = _path()
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(spare.create(new), "w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=1)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(path)


@contextmanager
def _held() -> Iterator[None]:
    """One change at a time; the folder itself is locked, which needs no file."""
    registry.FOLDER.mkdir(mode=0o700, exist_ok=True)
    folder = os.open(registry.FOLDER, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
