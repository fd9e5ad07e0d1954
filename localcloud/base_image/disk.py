"""From the tar archive of a system to a qcow2 that boots under UEFI, without root, mounts or loop devices.

assemble.sh does the work on a raw file that is open here and handed over by number: as an ordinary user it
runs inside mmdebstrap's user namespace, where this user's own folders cannot be entered but everything
belongs to root, as it must inside the image.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from localcloud.base_image import tools

ASSEMBLE = Path(__file__).with_name("assemble.sh")


@dataclass(frozen=True)
class Layout:
    """Sizes and identities of a disk. `esp_folder` is where the system mounts its EFI system partition."""

    size_mib: int
    esp_mib: int
    esp_folder: str
    root_uuid: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def esp_id(self) -> str:
        """The FAT volume id, eight hexadecimal digits."""
        return self.root_uuid[:8].upper()

    @property
    def fstab_esp(self) -> str:
        """The same as /dev/disk/by-uuid writes it: "ABCD-1234"."""
        return f"{self.esp_id[:4]}-{self.esp_id[4:]}"


@contextmanager
def assembling(layout: Layout, raw: Path, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """assemble.sh, waiting for the archive on stdin, complaining to `log`; ended if the caller fails."""
    raw.touch(mode=0o600)
    # the namespace's root is another user to the kernel; nobody else can reach the folder it is in
    raw.chmod(0o666)
    with raw.open("r+b") as image:
        variables = {
            "IMAGE": f"/proc/self/fd/{image.fileno()}",
            "ESP_DIR": layout.esp_folder,
            "ESP_MIB": str(layout.esp_mib),
            "SIZE_MIB": str(layout.size_mib),
            "ESP_ID": layout.esp_id,
            "ROOT_UUID": layout.root_uuid,
        }
        command = [*_as_root(), "sh", "-c", ASSEMBLE.read_text()]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=tools.environment(variables),
            pass_fds=[image.fileno()],
        )
        try:
            yield process
        finally:
            end(process)


def convert(raw: Path, qcow2: Path) -> None:
    """The raw disk as a qcow2, uncompressed: decompressing each read costs seconds of every boot."""
    tools.run(["qemu-img", "convert", "-O", "qcow2", str(raw), str(qcow2)], "convert the disk to qcow2")


def end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """End a process that may still run, and wait for it."""
    if process.poll() is None:
        process.terminate()
    process.wait()


def _as_root() -> Sequence[str]:
    return [] if os.geteuid() == 0 else ["mmdebstrap", "--unshare-helper"]
