"""Debian as a base image: what Debian's EC2 image holds, minus weight, by mmdebstrap from a mirror."""

from __future__ import annotations

import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from build.errors import MachineError
from localcloud import host_packages
from localcloud.base_image import archive, disk, mirror, tools, trust
from localcloud.base_image.archive import File

RECIPE = 1
"""Raised when this module, or those that it uses, make another image of the same files; base images are then
built anew.
"""
SIZE_GIB = 8  # as Debian's own; cloud-init grows it to the volume
ESP_MIB = 256  # room for five kernels
GUEST = Path(__file__).parent / "guest" / "debian"
RELEASES = {"debian-13": "trixie", "debian-12": "bookworm"}
TOOLS = ("mmdebstrap", "mke2fs", "mkfs.vfat", "mcopy", "sfdisk", "qemu-img")
# After a panic the machine boots again at once, as Ubuntu's cloud images do, instead of waiting for somebody
# at a keyboard. The console keeps what the kernel said.
_AFTER_A_PANIC = "panic=-1 oops=panic"
# What a busy host makes slow, or a panic, where processors are emulated. Each is left out under KVM too, or
# costs nothing there.
EMULATED = " ".join(
    (
        # Early in its boot the kernel tries whether timer interrupts arrive, for 40 ms, and panics where they
        # do not ("IO-APIC + timer doesn't work"). QEMU's main thread, which makes them, may not get a
        # processor for so long.
        "no_timer_check",
        # It counts how far each processor but the first gets in a tick, for 2 s where ticks come late. This
        # is a processor of 3 GHz at 250 ticks a second; a faster one waits less for devices, which here need
        # no waiting.
        "lpj=12000000",
        # Its ciphers test themselves for a second.
        "cryptomgr.notests",
    )
)
PACKAGES = (
    "systemd", "systemd-sysv", "systemd-resolved", "systemd-boot", "dbus", "libpam-systemd", "udev", "kmod",
    "zstd",
    "linux-image-cloud-amd64", "initramfs-tools", "e2fsprogs", "fdisk", "cloud-init", "cloud-guest-utils",
    "udhcpc",
    "openssh-server", "sudo", "ca-certificates", "locales", "tzdata", "python3", "curl", "iproute2",
    "iputils-ping", "procps", "less",
    "nano", "bash-completion", "openssl", "systemd-timesyncd", "unattended-upgrades",
)  # fmt: skip


def build(family: str, workshop: Path, progress: Callable[[str], None]) -> Path:
    """Make the image of "debian-13" or "debian-12" in the folder and return the qcow2."""
    for tool in TOOLS:
        if host_packages.find(tool) is None:
            raise tools.missing(tool, f"make the base image {family}")
    release = RELEASES[family]
    layout = disk.Layout(size_mib=SIZE_GIB * 1024, esp_mib=ESP_MIB, esp_folder="boot/efi")
    sources, proxies = mirror.sources(release), mirror.proxy_settings()
    overlay = workshop / "overlay.tar"
    overlay.write_bytes(archive.as_tar(guest_files(layout, sources, proxies, trust.extra_certificates())))
    raw, finished = workshop / "disk.raw", workshop / "disk.qcow2"
    _make_disk(mmdebstrap(release, sources, proxies, overlay), layout, raw, progress)
    progress("converting the disk")
    disk.convert(raw, finished)
    return finished


def guest_files(
    layout: disk.Layout,
    sources: Sequence[mirror.Source],
    proxies: Mapping[str, str],
    certificates: Sequence[str],
) -> dict[str, File]:
    """The files laid over the system before most packages: guest/debian/files, and what the host decides."""
    rendered = {
        "etc/kernel/cmdline": f"root=UUID={layout.root_uuid} ro console=ttyS0,115200 "
        f"{EMULATED} {_AFTER_A_PANIC}\n",
        "etc/fstab": (
            f"UUID={layout.root_uuid} / ext4 errors=remount-ro 0 1\n"
            f"UUID={layout.fstab_esp} /{layout.esp_folder} vfat "
            "umask=0077,noauto,x-systemd.automount,x-systemd.idle-timeout=60 0 0\n"
        ),
        "etc/apt/sources.list.d/debian.sources": "\n".join(source.paragraph() for source in sources),
    }
    if proxies:
        rendered["etc/apt/apt.conf.d/80proxy"] = "\n".join(mirror.as_apt_conf(proxies, for_guest=True)) + "\n"
    return {
        **archive.read_folder(GUEST / "files"),
        **archive.texts(rendered),
        **archive.texts(trust.files(certificates)),
    }


def mmdebstrap(
    release: str, sources: Sequence[mirror.Source], proxies: Mapping[str, str], overlay: Path
) -> list[str]:
    """The command that writes the whole system to stdout as a tar archive."""
    return [
        "mmdebstrap", "--variant=apt", f"--include={','.join(PACKAGES)}", "--format=tar",
        '--aptopt=APT::Install-Recommends "false"',
        *[f"--aptopt={line}" for line in mirror.as_apt_conf(proxies, for_guest=False)],
        "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        f"--essential-hook=tar-in {overlay} /",
        f"--customize-hook=upload {GUEST / 'setup.sh'} /tmp/setup.sh",
        '--customize-hook=chroot "$1" sh /tmp/setup.sh',
        release, "-", *[source.line() for source in sources],
    ]  # fmt: skip


def _make_disk(
    command: Sequence[str], layout: disk.Layout, raw: Path, progress: Callable[[str], None]
) -> None:
    log = raw.with_suffix(".log")
    with log.open("w+b") as complaints, disk.assembling(layout, raw, complaints) as assembler:
        bootstrap = subprocess.Popen(
            command,
            stdout=assembler.stdin,
            stderr=subprocess.PIPE,
            env=tools.environment(),
            text=True,
            errors="replace",
        )
        try:
            said = _relay(bootstrap, progress)
            if assembler.stdin:
                assembler.stdin.close()
            codes = bootstrap.wait(), assembler.wait()
        finally:
            disk.end(bootstrap)
    if codes[0]:
        raise _bootstrap_failed(codes[0], said)
    if codes[1]:
        raise tools.failed("assemble.sh", codes[1], log.read_text(errors="replace"), "put the disk together")


def _relay(bootstrap: subprocess.Popen[str], progress: Callable[[str], None]) -> str:
    """Pass mmdebstrap's stages on as they come; return its last lines."""
    last: deque[str] = deque(maxlen=60)
    for line in bootstrap.stderr or ():
        last.append(line)
        if line.startswith("I: ") and line.rstrip().endswith("..."):
            progress(line[3:].rstrip(". \n"))
    return "".join(last)


def _bootstrap_failed(code: int, said: str) -> MachineError:
    hint = None
    if "subuid" in said or "newuidmap" in said:
        hint = "an ordinary user needs uidmap and a range in /etc/subuid and /etc/subgid: see `doctor`"
    elif "does not have a Release file" in said or "404" in said:
        hint = "the mirror of this machine's apt (apt-get indextargets) does not carry that release of Debian"
    return tools.failed("mmdebstrap", code, said, "make Debian's files", hint)
