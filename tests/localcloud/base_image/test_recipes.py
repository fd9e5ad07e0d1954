"""What the recipes make of fixed input: when that changes, their numbers have to, or cached base images are not built anew."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from localcloud.base_image import archive, debian, disk, mirror, packages, tiny
from localcloud.base_image.archive import File

LAYOUT = disk.Layout(size_mib=1024, esp_mib=40, esp_folder="boot/efi", root_uuid="00000000-0000-4000-8000-000000000000")
SOURCES = (mirror.Source(uri="http://mirror.example/debian", suite="trixie"),)
PROXIES = {"http": "http://proxy.example:3128"}
MADE = {
    "debian": (1, "3795df6164c745e0"),
    "tiny": (1, "356998d4bad41502"),
}
"""The number of each recipe and the digest of what it makes."""


def made_by_debian() -> bytes:
    files = debian.guest_files(LAYOUT, SOURCES, PROXIES, ["-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"])
    command = debian._mmdebstrap("trixie", SOURCES, PROXIES, Path("overlay.tar"))
    told = [word.replace(str(debian.GUEST), "guest") for word in command]
    changed = {name: file for name, file in files.items() if not (debian.GUEST / "files" / name).exists()}
    return repr((told, debian.SIZE_GIB, debian.ESP_MIB)).encode() + archive.as_tar(changed)


def made_by_tiny(monkeypatch: pytest.MonkeyPatch) -> bytes:
    programs = {name: File(name.encode(), 0o755) for name in ("busybox", "bash-static", "dropbear", "blkid")}
    modules = {name: b"\0depends=\0" + name.encode() for name in (*tiny.DISK_MODULES, *tiny.MODULES)}
    monkeypatch.setattr(tiny, "_sort_out", lambda _: (b"kernel", modules, programs, {}, b"loader"))
    monkeypatch.setattr(packages, "output_of", lambda *_: "sh ls")
    files = tiny.system_files([], LAYOUT.root_uuid)
    changed = {name: entry for name, entry in files.items() if not (tiny.GUEST / "files" / name).exists() and not name.endswith("initrd")}
    return repr((tiny.SIZE_GIB, tiny.ESP_MIB, tiny.PACKAGES, tiny.LIBRARIES_OF)).encode() + archive.as_tar(archive.with_folders(changed))


@pytest.mark.parametrize("kind", MADE)
def test_a_recipe_that_makes_something_else_has_another_number(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = made_by_debian() if kind == "debian" else made_by_tiny(monkeypatch)
    number = debian.RECIPE if kind == "debian" else tiny.RECIPE
    now = (number, hashlib.sha256(made).hexdigest()[:16])
    assert now == MADE[kind], f"{kind} makes other images: raise RECIPE in localcloud/base_image/{kind}.py, and put both into MADE here"
