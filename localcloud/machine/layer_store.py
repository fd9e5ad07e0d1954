"""Layers: qcow2 files in one folder, each an overlay on its parent.

An AMI's snapshot is a layer with children and is read-only from then on; a volume is a layer nobody builds
on. What is still needed is read from the files themselves, so a lost index cannot lose a disk.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
from pathlib import Path

from build.errors import MachineError

_log = logging.getLogger("hubsmith.localcloud")

GIB = 1 << 30


def run_qemu_img(*arguments: str | Path) -> str:
    """Run qemu-img and return what it printed; raises MachineError with its own words."""
    command = ["qemu-img", *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise MachineError("qemu-img is not installed", hint="apt install qemu-utils") from None
    if done.returncode != 0:
        raise MachineError(f"qemu-img {arguments[0]} failed: {done.stderr.strip()}", hint=" ".join(command))
    return done.stdout


class LayerStore:
    """The layers of one local cloud, addressed by id; the folder is created with the first layer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, layer: str) -> Path:
        """Where the layer is, whether it exists or not."""
        return self.folder / f"{layer}.qcow2"

    def import_base(self, layer: str, source: Path) -> None:
        """Make the cached base image a layer, without copying it where that is possible."""
        self._claim(layer)
        try:
            # A second name of the same file: costs nothing and outlives a cache that is emptied.
            os.link(source, self.path(layer))
        except OSError as problem:
            if problem.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
                raise MachineError(f"cannot import {source}: {problem.strerror}") from problem
            run_qemu_img(
                "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", source.resolve(), self.path(layer)
            )

    def create_blank(self, layer: str, size_gib: int) -> None:
        """Make an empty layer of that size."""
        run_qemu_img("create", "-q", "-f", "qcow2", self._claim(layer), f"{size_gib}G")

    def create_overlay(self, layer: str, parent: str, size_gib: int) -> None:
        """Make a writable layer on parent, as large or larger; parent must not be written to from now on.

        Raises MachineError when parent is missing or larger than size_gib.
        """
        base = self.path(parent)
        if (size := self.virtual_size(parent)) > size_gib * GIB:
            raise MachineError(
                f"a layer of {size_gib} GiB is smaller than its parent {parent} ({size / GIB:g} GiB)"
            )
        # -u: parent may still be open for writing by a machine that is about to switch to this very overlay.
        # The name is relative, so the state folder can be moved.
        run_qemu_img(
            "create",
            "-q",
            "-u",
            "-f",
            "qcow2",
            "-F",
            "qcow2",
            "-b",
            base.name,
            self._claim(layer),
            f"{size_gib}G",
        )

    def grow(self, layer: str, size_gib: int) -> None:
        """Make a layer that no machine has open that large; no effect when it is as large already."""
        if self.virtual_size(layer) < size_gib * GIB:
            run_qemu_img("resize", "-q", "-f", "qcow2", self.path(layer), f"{size_gib}G")

    def delete_unreferenced(self, referenced: set[str]) -> None:
        """Delete every layer that none of the referenced ones stands on.

        Raises MachineError, and deletes nothing, when a backing chain cannot be read. Only files of this
        folder are ever deleted.
        """
        needed: set[Path] = set()
        for layer in sorted(referenced):
            if self.path(layer) not in needed:
                needed.update(self._chain(layer))
        for path in sorted(self.folder.glob("*.qcow2")):
            if path not in needed:
                _log.info("deleting layer %s", path.stem)
                path.unlink(missing_ok=True)

    def actual_size(self, layer: str) -> int:
        """Bytes the layer itself takes on the host's disk, its parents not counted."""
        return self.path(layer).stat().st_blocks * 512

    def virtual_size(self, layer: str) -> int:
        """Bytes the guest sees; raises MachineError when there is no such layer."""
        return int(json.loads(run_qemu_img("info", "-U", "--output=json", self.path(layer)))["virtual-size"])

    def _chain(self, layer: str) -> list[Path]:
        found = json.loads(run_qemu_img("info", "-U", "--backing-chain", "--output=json", self.path(layer)))
        return [Path(image["filename"]) for image in found]

    def _claim(self, layer: str) -> Path:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.path(layer)
        if path.exists():
            raise MachineError(f"layer {layer} exists already")
        return path
