"""What this machine must have to run the local cloud, and whether it has it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from build import paths
from build.errors import MachineError
from localcloud.host_packages import HostPackage, apt_line, packages

LIBRARIES = ("moto", "flask", "flask_cors", "qemu", "dnslib", "trustme")
LOWEST_PORT = 22
SYSCTL_FILE = "/etc/sysctl.d/60-hubsmith.conf"
CAP_NET_BIND_SERVICE = 10
PORT_START = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
NEEDED_DISK_GIB = 10
NEEDED_MEMORY_GIB = 4
_GIB = 1024**3


@dataclass(frozen=True)
class Check:
    """One answer of `doctor`. `remedy` is a command or a sentence, empty when all is well."""

    name: str
    ok: bool
    detail: str
    remedy: str
    needed_for: str


def examine() -> list[Check]:
    """Everything the local cloud needs of this machine, asked of it now.

    The first time, KVM is tried, for some seconds.
    """
    return [
        *[_package_check(package) for package in packages()],
        _python_check(),
        libraries(),
        _acceleration_check(),
        _emulator_check(),
        _user_namespace_check(),
        low_ports(),
        _memory_check(),
        _disk_check("cache", paths.cache_dir(), "base images"),
        _disk_check("state", paths.state_dir(), "volumes and snapshots of the local cloud"),
    ]


def _package_check(package: HostPackage) -> Check:
    found = package.is_present()
    return Check(
        package.name,
        found,
        "installed" if found else "missing",
        "" if found else apt_line([package.name]),
        package.purpose,
    )


def _python_check() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    ok = sys.version_info >= (3, 10)
    return Check("python", ok, version, "" if ok else "install Python 3.10 or newer", "all of it")


def libraries() -> Check:
    """Whether what localcloud/requirements.txt brings is there; building on AWS alone does not need it."""
    lacking = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    detail = f"missing: {', '.join(lacking)}" if lacking else "installed"
    return Check(
        "libraries", not lacking, detail, "make setup" if lacking else "", "the server of the local cloud"
    )


def _acceleration_check() -> Check:
    # not before it is asked: importing is what `missing()` must not need
    from localcloud.machine.kvm_probe import accelerator

    works = accelerator() == "kvm"
    detail = "KVM works" if works else "KVM does not work here: machines are emulated, several times slower"
    remedy = (
        ""
        if works
        else (
            "nothing to do if this is a virtual machine without nested virtualization; else load kvm and "
            "join the kvm group"
        )
    )
    return Check("kvm", True, detail, remedy, "speed")


def _emulator_check() -> Check:
    """Which QEMU runs the machines, and whether it emulates them well."""
    from localcloud.machine import emulator
    from localcloud.machine.kvm_probe import accelerator
    from localcloud.machine.qemu import program

    purpose = "instances that are not slower than they need to be"
    try:
        found = program.chosen(accelerator())
    except MachineError as error:
        return Check("qemu", False, error.message, error.hint or "", purpose)
    cached = "" if len(found.command) == 1 else f", Debian 13's, in {program.cache_folder()}"
    problem = emulator.what_is_wrong()
    remedy = "invoke cloud.up (fetches Debian 13's QEMU into the cache)" if problem else ""
    return Check("qemu", not problem, problem or f"{found.release}{cached}", remedy, purpose)


def _user_namespace_check() -> Check:
    purpose = "making base images as an ordinary user"
    if os.geteuid() == 0:
        return Check("subuid", True, "not needed by root", "", purpose)
    user = _user_name()
    ranges = [Path(name) for name in ("/etc/subuid", "/etc/subgid")]
    absent = [str(file) for file in ranges if not _has_range(file, user)]
    remedy = f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}" if absent else ""
    detail = (
        f"no range for {user} in {' and '.join(absent)}" if absent else "there is a range of subordinate ids"
    )
    return Check("subuid", not absent, detail, remedy, purpose)


def _has_range(file: Path, user: str) -> bool:
    owners = {user, str(os.getuid())}
    lines = file.read_text().splitlines() if file.exists() else []
    return any(
        line.partition(":")[0] in owners and int(line.rpartition(":")[2] or 0) >= 65536 for line in lines
    )


def _user_name() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def low_ports() -> Check:
    """May this user open the ports on which instances answer?"""
    start = int(PORT_START.read_text()) if PORT_START.exists() else 1024
    ok = start <= LOWEST_PORT or _has_capability(CAP_NET_BIND_SERVICE)
    line = f"net.ipv4.ip_unprivileged_port_start={LOWEST_PORT}"
    remedy = "" if ok else f"echo {line} | sudo tee {SYSCTL_FILE} && sudo sysctl -p {SYSCTL_FILE}"
    detail = "may be opened" if ok else f"ports below {start} are root's"
    return Check(
        "low ports", ok, detail, remedy, "instances answer on ports 22, 80 and 443 of their own addresses"
    )


def _has_capability(number: int) -> bool:
    """Whether this process has a capability (capabilities(7)); root has all but in some containers."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    effective = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) >> number & 1)


def _memory_check() -> Check:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    ok = total >= NEEDED_MEMORY_GIB - 0.5
    remedy = "" if ok else f"{NEEDED_MEMORY_GIB} GiB are needed: a t3.small fits into less"
    return Check(
        "memory",
        ok,
        f"{total:.1f} GiB",
        remedy,
        "instances, at their types' own sizes: a build's tests run on one of 4 GiB (more by tests.machines)",
    )


def _disk_check(name: str, folder: Path, purpose: str) -> Check:
    free = shutil.disk_usage(folder).free / _GIB
    ok = free >= NEEDED_DISK_GIB
    variable = f"HUBSMITH_{name.upper()}"
    remedy = "" if ok else f"free {NEEDED_DISK_GIB} GiB, or point {variable} to a folder on a larger disk"
    return Check(f"disk ({name})", ok, f"{free:.0f} GiB free in {folder}", remedy, purpose)
