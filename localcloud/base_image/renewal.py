"""ensure(): the base image of a family, built when there is none, when it is too old, or on request."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from build.errors import MachineError, UserError
from localcloud.base_image import catalogue, debian, tiny
from localcloud.base_image.catalogue import FAMILIES, BaseImage
from localcloud.base_image.recipe import recipe_digest

Progress = Callable[[str], None]
Recipe = Callable[[str, Path, Progress], Path]
"""(family, empty folder to work in, progress) → the finished qcow2 in that folder."""

_DETAILS = {
    "debian": ("136693071363", "admin", debian.build, debian.SIZE_GIB, "Debian {release} (amd64)"),
    "tiny": (
        "000000000000",
        "root",
        tiny.build,
        tiny.SIZE_GIB,
        "busybox and dropbear on Debian's kernel, for tests",
    ),
}


def ensure(family: str, *, rebuild: bool = False, max_age_days: float = 30, progress: Progress) -> BaseImage:
    """The newest image of the family; built first where it is missing, too old or of another recipe.

    That takes seconds for tiny, about a minute for Debian. Two callers at once build it once. An image that
    cannot be renewed is used as it is, with a word about it. Raises UserError for an unknown family,
    MachineError with the words of the tool that failed.
    """
    if family not in FAMILIES:
        raise UserError(f"there is no base image family {family!r}", hint=f"there are {', '.join(FAMILIES)}")
    asked = time.time()
    current = catalogue.newest(family)
    if current and not rebuild and _is_fresh(current, max_age_days):
        return current
    with _alone(family, progress):
        current = catalogue.newest(family)
        if current and _is_fresh(current, max_age_days) and (not rebuild or _built_since(current, asked)):
            return current
        try:
            return _build(family, progress)
        except MachineError as error:
            if rebuild or current is None:
                raise
            progress(
                f"{current.name}, {current.age_days:.0f} days old, could not be renewed; it is used as it "
                f"is ({error.message})"
            )
            return current


def _build(family: str, progress: Progress) -> BaseImage:
    kind, _, release = family.partition("-")
    owner, login_user, recipe, size_gib, description = _DETAILS[kind]
    started = time.monotonic()
    progress(f"building the base image {family}")
    with _workshop(family) as workshop:
        built = recipe(family, workshop, progress)
        created = datetime.now(timezone.utc).replace(microsecond=0)
        name = catalogue.free_name(family, created)
        image = BaseImage(
            name=name, path=catalogue.folder() / f"{name}.qcow2", family=family, owner=owner,
            login_user=login_user, architecture="x86_64",
            virtual_size_gib=size_gib, created=created.isoformat(),
            description=description.format(release=release),
            recipe=recipe_digest(family),
        )  # fmt: skip
        catalogue.publish(image, built)
    progress(
        f"built {image.name} in {time.monotonic() - started:.0f} s; older ones stay, as clouds may stand "
        "on them"
    )
    return image


def _is_fresh(image: BaseImage, max_age_days: float) -> bool:
    return image.age_days <= max_age_days and image.recipe == recipe_digest(image.family)


def _built_since(image: BaseImage, moment: float) -> bool:
    return image.path.stat().st_ctime >= moment


@contextmanager
def _alone(family: str, progress: Progress) -> Iterator[None]:
    """Hold the family's lock; the kernel frees it even after kill -9."""
    with (catalogue.folder() / f".{family}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"another process is building {family}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _workshop(family: str) -> Iterator[Path]:
    """An empty folder beside the images, so that finishing is a rename; a killed build's is removed first."""
    prefix = f".building-{family}-"
    for leftover in catalogue.folder().glob(f"{prefix}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    workshop = Path(tempfile.mkdtemp(prefix=prefix, dir=catalogue.folder()))
    try:
        yield workshop
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
