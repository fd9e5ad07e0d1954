"""What decides the content of a base image, as one digest: what goes into it, not the modules' text.

Counted are the files of its guest, the scripts that run, what is asked of the packaging tools, and for the
rest a recipe number. What depends on this machine (mirror, proxy, certificates) has example values here.
tests/localcloud/base_image/test_recipe.py keeps what tiny.py and disk.py do by themselves, and fails when
that changes: then count the number up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from localcloud.base_image import archive, debian, disk, mirror, tiny
from localcloud.base_image.archive import File

# The history of the recipe numbers, a line for each time that one was counted up:
#   2026-11  both 1: the first numbers; before, the source files themselves were counted
RECIPE: Mapping[str, int] = {"debian": 1, "tiny": 1}

LAYOUT = disk.Layout(
    size_mib=64, esp_mib=16, esp_folder="boot/efi", root_uuid="01234567-89ab-cdef-0123-456789abcdef"
)
_SOURCES = [mirror.Source("http://mirror.example.org/debian", "example")]
_PROXIES = {"http": "http://proxy.example.org:3128"}
_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nexample\n-----END CERTIFICATE-----\n"
_OVERLAY = Path("/overlay.tar")


def recipe_digest(family: str) -> str:
    """SHA-256 over all that decides what an image of the family holds."""
    kind = family.partition("-")[0]
    parts = _PARTS[kind](family)
    canonical = json.dumps([RECIPE[kind], disk.ASSEMBLE.read_text(encoding="utf-8"), parts], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _debian(family: str) -> object:
    # The place of this checkout is in the command, and no part of the image.
    command = debian.mmdebstrap(debian.RELEASES[family], _SOURCES, _PROXIES, _OVERLAY)
    return {
        "command": [word.replace(str(debian.GUEST), "guest") for word in command],
        "files": _digests(debian.guest_files(LAYOUT, _SOURCES, _PROXIES, [_CERTIFICATE])),
        "setup": (debian.GUEST / "setup.sh").read_text(encoding="utf-8"),
        "sizes": [debian.SIZE_GIB, debian.ESP_MIB],
    }


def _tiny(_family: str) -> object:
    return {
        "packages": [tiny.RELEASE, tiny.KERNEL_META, tiny.PACKAGES, tiny.LIBRARIES_OF],
        "modules": [tiny.DISK_MODULES, tiny.MODULES],
        "files": _digests(archive.read_folder(tiny.GUEST)),
        "folders": [tiny.FOLDERS, tiny.MERGED],
        "command line": tiny.COMMAND_LINE,
        "sizes": [tiny.SIZE_GIB, tiny.ESP_MIB],
    }


_PARTS: Mapping[str, Callable[[str], object]] = {"debian": _debian, "tiny": _tiny}


def _digests(files: Mapping[str, File]) -> dict[str, list[object]]:
    return {path: [file.mode, hashlib.sha256(file.content).hexdigest()] for path, file in files.items()}
