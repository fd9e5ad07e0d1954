"""A disk that is divided as Ubuntu 24.04's image for EC2 is, small and without a system."""

from __future__ import annotations

from pathlib import Path

from localcloud.base_image import tools

_MIB = 1 << 20
_FSTAB = """\
LABEL=cloudimg-rootfs\t/\t ext4\tdiscard,commit=30,errors=remount-ro\t0 1
LABEL=UEFI\t/boot/efi\tvfat\tumask=0077\t0 1
LABEL=BOOT\t/boot\text4\tdefaults\t0 2
"""
_MAKE = f"""
set -eu
cd "$1"
mkdir -p root/boot root/etc root/proc boot/efi
cp fstab root/etc/fstab
echo "of the boot partition" > boot/vmlinuz
echo "of the EFI partition" > loader
truncate --size=24M disk
sfdisk --quiet disk <<END
label: gpt
1: start=10MiB, size=12MiB, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
14: start=1MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649
15: start=2MiB, size=2MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
16: start=4MiB, size=6MiB, type=BC13C2FF-59E6-4262-A352-B275FD6F7172
END
mke2fs -q -F -t ext4 -L cloudimg-rootfs -d root -E offset={10 * _MIB} disk 12M
mke2fs -q -F -t ext4 -L BOOT -d boot -E offset={4 * _MIB} disk 6M
mkfs.vfat -n UEFI --offset {2 * _MIB // 512} disk 2048 > mkfs.log 2>&1
MTOOLS_SKIP_CHECK=1 mcopy -i disk@@2M loader ::/loader
"""


def make(folder: Path) -> bytes:
    """The first 24 MiB of it; 1, 15 and 16 are the root, EFI and boot partitions."""
    (folder / "fstab").write_text(_FSTAB)
    tools.run(["sh", "-c", _MAKE, "sh", str(folder)], "make a disk like Ubuntu's")
    return (folder / "disk").read_bytes()
