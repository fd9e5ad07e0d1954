"""Does KVM really work here? Asked once, by booting something that must end, then remembered.

/dev/kvm can be there, open, run a few instructions and still hang a stock kernel (seen under a nested
hypervisor), so nothing less than a kernel is believed: booted without a root file system it panics, reboots,
and QEMU ends by itself. In doubt the answer is "tcg", which always works.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from build.errors import MachineError
from build.paths import cache_dir
from localcloud.machine.layer_store import run_qemu_img
from localcloud.machine.qemu import program
from localcloud.machine.qemu.program import Accelerator

PROBE_TIMEOUT_S = 20.0
_DEVICE = Path("/dev/kvm")
_BOOT = Path("/boot")
_log = logging.getLogger("hubsmith.localcloud")


def accelerator() -> Accelerator:
    """How machines run on this host: "kvm" only when a kernel was seen to boot and end under it.

    The first call may take PROBE_TIMEOUT_S seconds; the answer holds until the host's kernel, QEMU or
    processor changes.
    """
    if not _is_there():
        return "tcg"
    host = _host()
    remembered = _remembered()
    if host not in remembered:
        with _some_kernel() as kernel:
            if kernel is None:
                _log.info("no kernel to try KVM with yet: emulating")
                return "tcg"
            remembered = {host: "kvm" if _boots_and_ends(kernel) else "tcg"}
        _remember(remembered)
    return "kvm" if remembered[host] == "kvm" else "tcg"


def is_to_be_tried() -> bool:
    """Whether the next call of accelerator() has to find out, for up to PROBE_TIMEOUT_S seconds."""
    return _is_there() and _host() not in _remembered()


def _is_there() -> bool:
    return os.access(_DEVICE, os.R_OK | os.W_OK) and shutil.which(program.NAME) is not None


def _host() -> str:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    system = program.of_the_system()
    return " | ".join([platform.release(), system.banner if system else "", *models[:1]])


def _remembered() -> dict[str, str]:
    try:
        found = json.loads(_memory().read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(answers: dict[str, str]) -> None:
    # Written beside and renamed: two first machines may well ask at the same time.
    beside = _memory().with_suffix(f".{os.getpid()}")
    beside.write_text(json.dumps(answers, indent=2) + "\n")
    beside.replace(_memory())


def _memory() -> Path:
    return cache_dir() / "kvm.json"


def _boots_and_ends(kernel: Path) -> bool:
    command = [
        *(program.NAME, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-machine", "q35", "-accel", "kvm", "-cpu", "host", "-smp", "2", "-m", "512M"),
        *("-kernel", str(kernel), "-append", "panic=-1 root=none"),
    ]
    try:
        ended = subprocess.run(command, capture_output=True, check=False, timeout=PROBE_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        _log.info("a kernel did not end within %g s under KVM: emulating", PROBE_TIMEOUT_S)
        return False
    return ended.returncode == 0


@contextmanager
def _some_kernel() -> Iterator[Path | None]:
    """A kernel of the host if this user may read one, else one out of a cached base image, else None."""
    readable = [
        path for path in sorted(_BOOT.glob("vmlinuz*")) if path.is_file() and os.access(path, os.R_OK)
    ]
    if readable:
        yield readable[-1]
        return
    with tempfile.TemporaryDirectory(prefix="hubsmith-") as folder:
        images = sorted((cache_dir() / "base").glob("*.qcow2"), key=lambda image: image.stat().st_size)
        yield next((kernel for image in images if (kernel := _kernel_of(image, Path(folder)))), None)


def _kernel_of(image: Path, folder: Path) -> Path | None:
    """The kernel in the image's EFI system partition, which begins at 1 MiB as sfdisk has it."""
    start, kernel = folder / "start.raw", folder / "kernel"
    partition = f"{start}@@1M"
    try:
        run_qemu_img(
            "dd", "-U", "-f", "qcow2", "-O", "raw", "bs=1M", "count=512", f"if={image}", f"of={start}"
        )
        names = _mtools("mdir", "-/", "-b", "-i", partition, "::/").split()
        wanted = [name for name in names if name.rpartition("/")[2].startswith(("linux", "vmlinuz"))]
        if not wanted:
            return None
        _mtools("mcopy", "-n", "-o", "-i", partition, wanted[0], str(kernel))
    except (MachineError, OSError, subprocess.CalledProcessError) as problem:
        _log.info("no kernel found in %s: %s", image.name, problem)
        return None
    return kernel


def _mtools(*command: str) -> str:
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    ).stdout
