"""The shell scripts that a build sends to its machines; each is a file of this folder.

Those that change a builder are part of what an image is made of (builder_version.py), the others only look.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent

RUN_INSTALL = _FOLDER / "run_install.sh"
"""Runs a provisioner's install.sh and says where it failed."""
LAYER = _FOLDER / "layer.sh"
"""Before a layer is taken, and after a start from it."""
SEAL = _FOLDER / "seal.sh"
"""Removes what belongs to the builder."""

LIST_PACKAGES = _FOLDER / "list_packages.sh"
"""Prints what is installed."""
MOUNT_IMAGE = _FOLDER / "mount_image.sh"
"""Mounts a copy of the image's disk, read-only, on another machine."""
