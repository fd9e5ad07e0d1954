"""The tiny base image: Debian's kernel, busybox, bash and dropbear.

For tests of the cloud, of cleanup and of failures, never for a hub.

A small initial file system loads the disk driver and hands over to an ext4 root, so that what a guest writes
is in its snapshots and images. guest/tiny holds its scripts; guest/tiny/files/usr/lib/tiny/configure is what
cloud-init is elsewhere.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from localcloud import host_packages
from localcloud.base_image import archive, debian, disk, packages, tools
from localcloud.base_image.archive import Entry, File, Folder, Link
from localcloud.base_image.packages import Apt

SIZE_GIB = 1
ESP_MIB = 40  # FAT32 wants 33 at least; kernel and initial file system take 16
ESP = "boot/efi"
RELEASE = "trixie"
GUEST = Path(__file__).parent / "guest" / "tiny"
TOOLS = ("apt-get", "dpkg-deb", "mmdebstrap", "mke2fs", "mkfs.vfat", "mcopy", "sfdisk", "qemu-img")
KERNEL_META = "linux-image-cloud-amd64"
PACKAGES = ("busybox-static", "bash-static", "dropbear-bin", "util-linux", "systemd-boot-efi")
LIBRARIES_OF = ("dropbear-bin", "libblkid1")
DISK_MODULES = ("virtio_blk",)  # NVMe and ext4 are in the kernel itself
MODULES = ("virtio_net", "virtio-rng", "button", "evdev")
COMMAND_LINE = f"console=ttyS0,115200 quiet loglevel=4 {debian.EMULATED} panic=5 mitigations=off"
MERGED = {"bin": "usr/bin", "sbin": "usr/bin", "usr/sbin": "bin", "lib": "usr/lib", "lib64": "usr/lib64"}
FOLDERS = {
    "dev": 0o755, "proc": 0o755, "sys": 0o755, "run": 0o755, "mnt": 0o755, "tmp": 0o1777, "root/.ssh": 0o700,
    "root": 0o700,
    "var/lib/tiny": 0o755, "var/log": 0o755, "var/tmp": 0o1777, "etc/dropbear": 0o700, "home": 0o755,
    "data": 0o755,
}  # fmt: skip

Tree = dict[str, Entry]


def build(family: str, workshop: Path, progress: Callable[[str], None]) -> Path:
    """Make the image in the folder and return the qcow2."""
    for tool in TOOLS:
        if host_packages.find(tool) is None:
            raise tools.missing(tool, f"make the base image {family}")
    debs = fetch(Apt(RELEASE), progress)
    layout = disk.Layout(size_mib=SIZE_GIB * 1024, esp_mib=ESP_MIB, esp_folder=ESP)
    progress("putting the files together")
    system = archive.as_tar(archive.with_folders(system_files(debs, layout.root_uuid)))
    raw, finished = workshop / "disk.raw", workshop / "disk.qcow2"
    log = workshop / "disk.log"
    with log.open("wb") as complaints, disk.assembling(layout, raw, complaints) as assembler:
        assembler.communicate(system)
    if assembler.returncode:
        raise tools.failed(
            "assemble.sh", assembler.returncode, log.read_text(errors="replace"), "put the disk together"
        )
    disk.convert(raw, finished)
    return finished


def fetch(apt: Apt, progress: Callable[[str], None]) -> list[Path]:
    """Have the packages in the cache, in versions at most a day old."""
    if files := apt.remembered("tiny"):
        return files
    progress("fetching package lists")
    apt.update()
    kernels = [name for name in apt.depends(KERNEL_META) if name.startswith("linux-image-")]
    progress("fetching packages")
    files = apt.download([*kernels, *PACKAGES, *apt.libraries(LIBRARIES_OF)])
    apt.remember("tiny", files)
    return files


def system_files(debs: Iterable[Path], root_uuid: str) -> Tree:
    """Every file of the image, those of the EFI system partition below boot/efi."""
    kernel, modules, programs, libraries, loader = _sort_out(debs)
    ordered = load_order(MODULES, modules)
    return {
        **{path: Folder(mode) for path, mode in FOLDERS.items()},
        **{path: Link(target) for path, target in MERGED.items()},
        **_applets(programs["busybox"]),
        **{f"usr/bin/{name}": program for name, program in programs.items()},
        "usr/bin/bash": Link("bash-static"),
        **_needed(programs.values(), libraries),
        **{f"usr/lib/tiny/modules/{name}.ko": File(modules[name]) for name in ordered},
        "usr/lib/tiny/modules/order": _lines(f"{name}.ko" for name in ordered),
        **archive.read_folder(GUEST / "files"),
        **{f"usr/bin/{name}": Link("../lib/tiny/end") for name in ("poweroff", "reboot", "halt", "shutdown")},
        f"{ESP}/EFI/BOOT/BOOTX64.EFI": File(loader),
        f"{ESP}/loader/loader.conf": _lines(["timeout 0", "editor no"]),
        f"{ESP}/loader/entries/tiny.conf": _lines(
            ["title tiny", "linux /linux", "initrd /initrd", f"options root=UUID={root_uuid} {COMMAND_LINE}"]
        ),
        f"{ESP}/linux": File(kernel),
        f"{ESP}/initrd": File(archive.as_cpio(initial_files(programs["busybox"], modules))),
    }


def initial_files(busybox: File, modules: Mapping[str, bytes]) -> Tree:
    """The initial file system: busybox, the disk driver and the script that mounts the root."""
    ordered = load_order(DISK_MODULES, modules)
    applets = ("sh", "mount", "umount", "insmod", "findfs", "sed", "sleep", "switch_root")
    return {
        **{name: Folder() for name in ("dev", "proc", "sys", "root")},
        "bin/busybox": busybox,
        **{f"bin/{name}": Link("busybox") for name in applets},
        "init": File((GUEST / "initramfs" / "init").read_bytes(), 0o755),
        **{f"modules/{name}.ko": File(modules[name]) for name in ordered},
        "modules/order": _lines(f"{name}.ko" for name in ordered),
    }


def load_order(wanted: Iterable[str], modules: Mapping[str, bytes]) -> list[str]:
    """The modules and what they depend on (their own `depends=` says it), each after what it needs."""
    order: list[str] = []

    def visit(name: str) -> None:
        file_name = next(
            (key for key in (name, name.replace("_", "-"), name.replace("-", "_")) if key in modules), None
        )
        if file_name is None or file_name in order:
            return  # not a module: built into the kernel
        found = re.search(rb"\0depends=([^\0]*)\0", modules[file_name])
        for dependency in found[1].decode().split(",") if found else []:
            visit(dependency)
        order.append(file_name)

    for name in wanted:
        visit(name)
    return order


def _sort_out(debs: Iterable[Path]) -> tuple[bytes, dict[str, bytes], dict[str, File], Tree, bytes]:
    """Kernel image, its modules and programs by name, library files and links by path, the boot loader."""
    wanted = [
        r"boot/vmlinuz-.*", r"(usr/)?lib/modules/.*/(virtio.*|net_failover|failover|button|evdev)\.ko\.xz",
        r"(usr/)?s?bin/(busybox|blkid)",
        r"(usr/)?bin/(bash-static|dropbear(key|convert))", r"usr/sbin/dropbear",
        r"(usr/)?lib(64)?/(x86_64-linux-gnu/)?[^/]*\.so[.0-9]*",
        r"usr/lib/systemd/boot/efi/systemd-bootx64\.efi",
    ]  # fmt: skip
    files: Tree = {}
    for deb in debs:
        files.update(packages.contents(deb, wanted))
    plain = {path: entry for path, entry in files.items() if isinstance(entry, File)}
    kernel = next(entry.content for path, entry in plain.items() if path.startswith("boot/"))
    loader = next(entry.content for path, entry in plain.items() if path.endswith(".efi"))
    modules = {
        PurePosixPath(path).name[:-6]: lzma.decompress(entry.content)
        for path, entry in plain.items()
        if path.endswith(".ko.xz")
    }
    programs = {
        PurePosixPath(path).name: File(entry.content, 0o755)
        for path, entry in plain.items()
        if "bin/" in path
    }
    return kernel, modules, programs, {path: entry for path, entry in files.items() if ".so" in path}, loader


def _needed(programs: Iterable[File], libraries: Tree) -> Tree:
    """The libraries whose names occur in the programs, or in the libraries they lead to."""
    taken: Tree = {}
    waiting = {name for program in programs for name in _library_names(program)}
    while waiting:
        found = {
            path: entry
            for path, entry in libraries.items()
            if PurePosixPath(path).name in waiting and path not in taken
        }
        taken.update(found)
        waiting = {name for entry in found.values() for name in _library_names(entry)}
    return {path if path.startswith("usr/") else f"usr/{path}": entry for path, entry in taken.items()}


def _library_names(entry: Entry) -> list[str]:
    """What a program or library asks for; for a link, what it stands for."""
    if isinstance(entry, Link):
        return [PurePosixPath(entry.target).name]
    return (
        [name.decode() for name in re.findall(rb"[\w+.-]+\.so[.0-9]*", entry.content)]
        if isinstance(entry, File)
        else []
    )


def _applets(busybox: File) -> Tree:
    """A link for each applet; busybox itself names them, and runs on this host as it will there."""
    return {
        f"usr/bin/{name}": Link("busybox")
        for name in packages.output_of("busybox", busybox.content, ["--list"]).split()
    }


def _lines(lines: Iterable[str]) -> File:
    return File("".join(f"{line}\n" for line in lines).encode())
