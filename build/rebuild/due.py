"""Is the published image still what a build would make?

And a build's turn, so that two of them do not overlap.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import quote

from build import paths
from build.aws import tags
from build.aws.session import Clients
from build.bake.inputs import fingerprint, inputs
from build.bake.plan import Published
from build.bake.steps import source_image
from build.errors import UserError
from build.images.listing import newest_published
from build.manifest import Manifest
from build.rebuild import diff
from build.rebuild.schedule.weekly_time import WeeklyTime

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class RebuildDecision:
    """The published image, and the ``reasons`` why it is not good enough any more; empty if it is.

    ``aged`` means that age is a reason: the build is to fetch everything anew. ``inputs`` is a digest of what
    a build would be made of.
    """

    image_id: str | None
    reasons: tuple[str, ...]
    aged: bool
    inputs: str

    @property
    def stale(self) -> bool:
        """Whether a build is due."""
        return bool(self.reasons)


def decide(manifest: Manifest, clients: Clients, max_age: timedelta | None) -> RebuildDecision:
    """Compare what a build would be made of now with the image that holds the manifest's channel.

    Launches nothing.

    Raises UserError when there is no base image that matches.
    """
    base = source_image.find(clients, manifest.base)
    now = inputs.of(manifest, base.id, base.name, base.login_user)
    digest = fingerprint.digest(now.fingerprint, dict(now.settings))
    published = newest_published(clients, manifest.image.name, manifest.publish.channel)
    if published is None:
        return RebuildDecision(
            None, (f"there is no published image {manifest.image.name} yet",), False, digest
        )
    age = _age_reason(published, max_age)
    return RebuildDecision(
        published.image_id, (*diff.changes(manifest, now, published), *age), bool(age), digest
    )


def age_limit(text: str) -> timedelta | None:
    """``7d``, ``12h`` or ``2w`` as a duration; None for an empty text. Raises UserError for anything else."""
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,4})([hdw])", text)
    if not found:
        raise UserError(f"--max-age {text}: not an age", hint="a number and h, d or w: 12h, 7d, 2w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _age_reason(published: Published, max_age: timedelta | None) -> tuple[str, ...]:
    """By the oldest packages in it: what came from a layer is as old as the layer."""
    since = datetime.fromisoformat(
        (published.marks.get(tags.SINCE) or published.created).replace("Z", "+00:00")
    )
    age = datetime.now(timezone.utc) - since
    if max_age is None or age < max_age:
        return ()
    return (
        f"its packages are of {since:%Y-%m-%d %H:%M} UTC, {in_words(age)} old (limit {in_words(max_age)})",
    )


def in_words(age: timedelta) -> str:
    """``3 days`` or ``5 hours``."""
    count, unit = (age.days, "day") if age.days else (int(age.total_seconds() // 3600), "hour")
    return f"{count} {unit}{'s' * (count != 1)}"


@contextmanager
def rebuild_lock(manifest: Manifest) -> Iterator[str | None]:
    """Hold the image's lock. Yields None, or who holds it: then there is nothing to do here.

    The kernel drops a dead process's lock.
    """
    with _file(manifest, "lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            yield lock.read().strip() or "somebody"
            return
        lock.seek(0)
        lock.truncate()
        lock.write(f"process {os.getpid()}, since {datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC")
        lock.flush()
        yield None


def mark_run(manifest: Manifest) -> None:
    """Note that a scheduled run takes place now."""
    _file(manifest, "last").touch()


def is_overdue(manifest: Manifest, when: WeeklyTime) -> bool:
    """Whether the last scheduled run of this machine was before the newest time it should have been at."""
    try:
        last = datetime.fromtimestamp(_file(manifest, "last").stat().st_mtime).astimezone()
    except FileNotFoundError:
        return True
    return last < when.last(datetime.now().astimezone())


def _file(manifest: Manifest, kind: str) -> Path:
    name = quote(f"{manifest.cloud}-{manifest.region}-{manifest.image.name}", safe="")
    return paths.state_dir() / f"rebuild-{name}.{kind}"
