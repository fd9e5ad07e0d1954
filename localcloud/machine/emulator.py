"""The QEMU that emulates machines well: fetched from Debian 13 into the cache where this system's is older.

Only where KVM does not run the machines. apt fetches the packages and checks their signatures, as for a base
image; nothing is installed on this system, and no rights are needed. About 40 MB.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from build.errors import MachineError
from localcloud.base_image import tools
from localcloud.base_image.packages import Apt
from localcloud.machine import kvm_probe
from localcloud.machine.qemu import program

RELEASE = "trixie"
PACKAGE = "qemu-system-x86"
_KEPT = ("usr/bin/qemu-system-x86_64", "usr/lib/x86_64-linux-gnu", "usr/share/qemu", "usr/share/seabios")

Progress = Callable[[str], None]


def ensure(progress: Progress) -> None:
    """Have a QEMU that emulates machines well; fetch it where neither the system nor the cache has one.

    Says through ``progress`` what it does. A QEMU that cannot be fetched is not an error: machines are slower
    without it.
    """
    if kvm_probe.is_to_be_tried():
        progress(f"trying whether KVM works here (up to {kvm_probe.PROBE_TIMEOUT_S:g} s, once)")
    if _is_good():
        return
    with _alone(progress):
        if _is_good():
            return
        progress(f"fetching Debian 13's QEMU (about 40 MB): {what_is_wrong()}")
        try:
            _fetch()
        except MachineError as error:
            progress(
                "Debian 13's QEMU could not be fetched; emulated machines are slower without it "
                f"({error.message})"
            )


def what_is_wrong() -> str:
    """What the QEMU that would run the machines now lacks; empty when it lacks nothing."""
    if kvm_probe.accelerator() == "kvm":
        return ""
    found = program.chosen("tcg")
    if found.emulates_well:
        return ""
    oldest = ".".join(str(part) for part in program.GOOD_FROM)
    return f"QEMU {found.release} is older than {oldest}; it may emulate machines much more slowly"


def _is_good() -> bool:
    try:
        return what_is_wrong() == ""
    except MachineError:  # none is installed: the machine that is started says so
        return True


def _fetch() -> None:
    """Unpack the package, and what it depends on, into a folder of the cache named after its version."""
    apt = Apt(RELEASE, "qemu")
    apt.update()
    files = apt.download_with_dependencies(PACKAGE)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=program.cache_folder()) as workshop:
        everything, kept = Path(workshop) / "all", Path(workshop) / "kept"
        for file in files:
            tools.run(["dpkg-deb", "--extract", str(file), str(everything)], "unpack Debian's QEMU")
        for name in _KEPT:
            (kept / name).parent.mkdir(parents=True, exist_ok=True)
            (everything / name).rename(kept / name)
        found = program.unpacked(kept)
        if not found.banner:
            raise MachineError(
                "could not run the QEMU that was fetched", hint=f"{' '.join(found.command)} --version"
            )
        shutil.rmtree(program.cache_folder() / found.release, ignore_errors=True)
        kept.rename(program.cache_folder() / found.release)
    apt.forget_downloads()


@contextmanager
def _alone(progress: Progress) -> Iterator[None]:
    """Hold the lock of the folder; the kernel frees it even after kill -9."""
    program.cache_folder().mkdir(parents=True, exist_ok=True)
    with (program.cache_folder() / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another process is fetching QEMU; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
