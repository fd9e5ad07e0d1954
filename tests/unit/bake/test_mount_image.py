"""Every file system of an image's disk is mounted where the image has it, read-only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "build/bake/scripts/mount_image.sh"
SERIAL = "vol0123456789abcdef0"
# As util-linux prints them.
KEYS = ("TYPE", "NAME", "SIZE", "FSTYPE", "PARTTYPE", "LABEL", "UUID", "PARTLABEL", "PARTUUID")
EFI, LINUX, BOOT, BIOS = (
    "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "0fc63daf-8483-4772-8e79-3d69d8477de4",
    "bc13c2ff-59e6-4262-a352-b275fd6f7172", "21686148-6449-6e6f-744e-656564454649",
)  # fmt: skip
# Ubuntu 24.04's image for EC2: /boot is a partition of its own.
UBUNTU = (
    ("part", "vdb1", "16105061888", "ext4", LINUX, "cloudimg-rootfs", "9c1f-r", "", "11-a"),
    ("part", "vdb14", "4194304", "", BIOS, "", "", "", "11-b"),
    ("part", "vdb15", "111149056", "vfat", EFI, "UEFI", "28F8-6E29", "", "11-c"),
    ("part", "vdb16", "957349888", "ext4", BOOT, "BOOT", "77aa-b", "", "11-d"),
)
UBUNTU_FSTAB = """\
# what the installer writes
LABEL=cloudimg-rootfs\t/\t ext4\tdiscard,commit=30,errors=remount-ro\t0 1
LABEL=UEFI\t/boot/efi\tvfat\tumask=0077\t0 1
LABEL=BOOT\t/boot\text4\tdefaults\t0 2
"""
MOUNT = """#!/bin/sh
echo "$*" >> "$WORK/calls"
for folder; do :; done
case $* in
    *tmpfs*) ;;
    *) eval "device=\\${$(($# - 1))}"; cp -r "$WORK/disk/${device#/dev/}/." "$folder" ;;
esac
"""


@dataclass(frozen=True)
class Machine:
    """Has the disk vdb; what `mount` would mount is copied from the folder disk/<partition> instead."""

    folder: Path

    def partition(self, name: str, **files: str) -> None:
        """A partition with these files, whose paths have __ for /."""
        for path, text in files.items():
            file = self.folder / "disk" / name / path.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def mount(self, *partitions: tuple[str, ...]) -> dict[str, str]:
        """Path -> content of what is there once the image is mounted."""
        pairs = "\n".join(
            " ".join(f'{key}="{value}"' for key, value in zip(KEYS, each, strict=True)) for each in partitions
        )
        self._program(
            "lsblk",
            f"#!/bin/sh\ncase $* in *SERIAL*) echo 'vda other'; echo 'vdb {SERIAL}' ;; *) echo '{pairs}' "
            ";; esac\n",
        )
        for name, text in {
            "mount": MOUNT,
            "udevadm": "#!/bin/sh\n",
            "mountpoint": "#!/bin/sh\nexit 1\n",
        }.items():
            self._program(name, text)
        environment = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "WORK": str(self.folder)}
        root = self.folder / "image"
        subprocess.run(
            ["sh", "-s", "--", SERIAL, root], input=SCRIPT.read_bytes(), env=environment, check=True
        )
        return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}

    def options(self) -> Mapping[str, str]:
        """Device -> options it was mounted with."""
        calls = [line.split() for line in (self.folder / "calls").read_text().splitlines()]
        return {words[-2]: words[words.index("-o") + 1] for words in calls}

    def _program(self, name: str, text: str) -> None:
        (self.folder / "bin").mkdir(exist_ok=True)
        (self.folder / "bin" / name).write_text(text)
        (self.folder / "bin" / name).chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.partition("vdb1", boot__below="", etc__fstab=UBUNTU_FSTAB, proc__below="")
    made.partition("vdb15", EFI__BOOT="loader")
    made.partition("vdb16", vmlinuz="kernel", efi__below="")
    return made


def test_ubuntus_boot_and_efi_partitions_are_where_its_fstab_has_them(machine: Machine) -> None:
    seen = machine.mount(*UBUNTU)
    assert (seen["etc/fstab"], seen["boot/vmlinuz"], seen["boot/efi/EFI/BOOT"]) == (
        UBUNTU_FSTAB,
        "kernel",
        "loader",
    )
    assert not [path for path in seen if path.startswith("proc/vdb")]


def test_everything_is_mounted_read_only_and_no_journal_is_replayed(machine: Machine) -> None:
    machine.mount(*UBUNTU)
    assert machine.options() == {"/dev/vdb1": "ro,noload", "/dev/vdb16": "ro,noload", "/dev/vdb15": "ro"}


@pytest.mark.parametrize(
    "source",
    [
        "UUID=77aa-b",
        "UUID=77AA-B",
        'UUID="77aa-b"',
        "PARTUUID=11-d",
        "/dev/disk/by-uuid/77aa-b",
        "/dev/disk/by-partuuid/11-d",
    ],
)
def test_an_fstab_may_call_a_partition_by_any_of_its_ids(machine: Machine, source: str) -> None:
    machine.partition(
        "vdb1", etc__fstab=f"{source} /boot ext4 defaults 0 2\nLABEL=UEFI /boot/efi vfat umask=0077 0 1\n"
    )
    seen = machine.mount(*UBUNTU)
    assert (seen["boot/vmlinuz"], seen["boot/efi/EFI/BOOT"]) == ("kernel", "loader")


def test_what_the_fstab_does_not_have_is_looked_at_too(machine: Machine) -> None:
    machine.partition(
        "vdb1", etc__fstab="LABEL=data /nowhere ext4 defaults 0 2\nLABEL=swap none swap sw 0 0\n"
    )
    swap = ("part", "vdb3", "4096", "swap", LINUX, "swap", "5-s", "", "11-e")
    seen = machine.mount(*UBUNTU, swap)
    assert (seen["proc/vdb16/vmlinuz"], seen["proc/vdb15/EFI/BOOT"]) == ("kernel", "loader")
    assert "/dev/vdb3" not in machine.options()


def test_a_disk_without_partitions_is_a_file_system_itself(machine: Machine) -> None:
    machine.partition("vdb", etc__hostname="one")
    assert machine.mount(("disk", "vdb", "8", "ext4", "", "", "", "", ""))["etc/hostname"] == "one"
