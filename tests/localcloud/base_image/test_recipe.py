"""What decides the content of a base image: what goes into it, and not the modules' text."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from localcloud.base_image import archive, debian, disk, packages, recipe, tiny, tools
from localcloud.base_image.archive import Entry, File

REPO = Path(__file__).parents[3]
HERE = "localcloud/base_image"
KEPT = Path(__file__).with_name("made.txt")
PROGRAM = """
import json
from localcloud.base_image.recipe import recipe_digest
print(json.dumps({family: recipe_digest(family) for family in ("tiny", "debian-13", "debian-12")}))
"""


def digests(folder: Path) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return digests(REPO)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for package in ("build", "localcloud"):
        shutil.copytree(REPO / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_comments_docstrings_and_names_are_no_change(checkout: Path, before: dict[str, str]) -> None:
    for path in (checkout / HERE).glob("*.py"):
        text = (
            path.read_text(encoding="utf-8")
            .replace("_make_disk(", "_put_together(")
            .replace("_sort_out(", "_look_through(")
        )
        path.write_text(
            re.sub(r'"""(?=[A-Z])', '"""In other words: ', text) + "\n# A comment.\n", encoding="utf-8"
        )
    assert digests(checkout) == before


@pytest.mark.parametrize(
    ("path", "old", "new", "changed"),
    [
        ("assemble.sh", "set -eu", "set -e", {"tiny", "debian-12", "debian-13"}),
        ("guest/tiny/initramfs/init", "#!", "#! ", {"tiny"}),
        ("guest/debian/setup.sh", "set -", "set  -", {"debian-12", "debian-13"}),
        ("guest/debian/files/etc/kernel/install.conf", "=", " =", {"debian-12", "debian-13"}),
        ("tiny.py", '"busybox-static", ', '"busybox-static", "kexec-tools", ', {"tiny"}),
        ("tiny.py", "panic=5", "panic=6", {"tiny"}),
        ("debian.py", "oops=panic", "oops=continue", {"debian-12", "debian-13"}),
        ("debian.py", '"locales", ', "", {"debian-12", "debian-13"}),
        ("debian.py", '"debian-13": "trixie"', '"debian-13": "sid"', {"debian-13"}),
        ("trust.py", "Defaults env_file", "Defaults  env_file", {"debian-12", "debian-13"}),
        ("recipe.py", '"tiny": 1', '"tiny": 2', {"tiny"}),
    ],
)
def test_what_goes_into_it_is_one(
    checkout: Path, before: dict[str, str], path: str, old: str, new: str, changed: set[str]
) -> None:
    file = checkout / HERE / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    after = digests(checkout)
    assert {family for family in before if after[family] != before[family]} == changed


def test_what_else_is_done_is_what_the_recipe_numbers_stand_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = f"{dict(recipe.RECIPE)}\n{tiny_made(monkeypatch)}{disk_made(monkeypatch, tmp_path)}"
    if os.environ.get("HUBSMITH_RENEW"):
        KEPT.write_text(made, encoding="utf-8")
    if made != KEPT.read_text(encoding="utf-8"):
        file = KEPT.relative_to(REPO)
        pytest.fail(
            f"how base images are made has changed: bump RECIPE of its kind in {HERE}/recipe.py and "
            "note why, "
            f"then update {file} by HUBSMITH_RENEW=1 .venv/bin/python -m pytest "
            f"{Path(__file__).relative_to(REPO)}",
            pytrace=False,
        )


def tiny_made(monkeypatch: pytest.MonkeyPatch) -> str:
    """The archives of an image of example packages. What counts by itself has example values, or none."""
    modules = dict.fromkeys(("virtio_net", "button", "virtio_blk"), b"\x00depends=\x00")
    program, library = File(b"needs libexample.so.1", 0o755), File(b"a library")
    found = (b"kernel", modules, {"busybox": program}, {"lib/libexample.so.1": library}, b"loader")
    for name, value in {
        "FOLDERS": {"tmp": 0o1777},
        "MERGED": {"bin": "usr/bin"},
        "COMMAND_LINE": "quiet",
        "MODULES": ("virtio_net", "button"),
        "DISK_MODULES": ("virtio_blk",),
        "_sort_out": lambda _: found,
    }.items():
        monkeypatch.setattr(tiny, name, value)
    monkeypatch.setattr(packages, "output_of", lambda *_: "ls sh")
    guest = archive.read_folder(tiny.GUEST / "files")
    system = {
        path: entry
        for path, entry in tiny.system_files([], recipe.LAYOUT.root_uuid).items()
        if path not in guest
    }
    initial = {**tiny.initial_files(program, modules), "init": File(b"of the guest", 0o755)}
    system["boot/efi/initrd"] = File(hashlib.sha256(archive.as_cpio(initial)).hexdigest().encode())
    return listed("system", system) + listed("initial", initial)


def listed(title: str, tree: Mapping[str, Entry]) -> str:
    with tarfile.open(fileobj=io.BytesIO(archive.as_tar(archive.with_folders(tree)))) as tar:
        return "".join(f"{title}: {shown(tar, member)}\n" for member in tar)


def shown(tar: tarfile.TarFile, one: tarfile.TarInfo) -> str:
    content = tar.extractfile(one) if one.isfile() else None
    owned = f"type {one.type.decode()} {one.uid}:{one.gid} {one.mode:o} mtime {one.mtime}"
    return f"{one.name} {owned} {content.read() if content else one.linkname!r}"


def disk_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """What the tools are asked that make a disk of those files."""
    said: list[object] = []

    class Process:
        def __init__(self, command: list[str], *, env: dict[str, str], **_: Any) -> None:
            ours = {
                name: value
                for name, value in env.items()
                if name not in tools.environment({}) and name != "IMAGE"
            }
            said.append([command[:-1], ours])

        def poll(self) -> int:
            return 0

        def wait(self) -> int:
            return 0

    monkeypatch.setattr(disk, "_as_root", list)
    monkeypatch.setattr(subprocess, "Popen", Process)
    monkeypatch.setattr(tools, "run", lambda command, _: said.append(command))
    with disk.assembling(recipe.LAYOUT, tmp_path / "raw", io.BytesIO()):
        pass
    disk.convert(Path("raw"), Path("qcow2"))
    return "".join(f"disk: {json.dumps(one, sort_keys=True)}\n" for one in said)


def test_no_kernel_of_a_base_image_waits_for_timers_or_panics_over_a_late_one() -> None:
    """Two of four boots panicked ("IO-APIC + timer doesn't work") where QEMU's main thread had to wait."""
    written = debian.guest_files(recipe.LAYOUT, [], {}, [])["etc/kernel/cmdline"].content.decode()
    assert "no_timer_check" in written.split()
    assert "no_timer_check" in tiny.COMMAND_LINE.split()
    for word in ("lpj=12000000", "cryptomgr.notests"):  # 3 s of a boot on a busy host
        assert word in written.split()
        assert word in tiny.COMMAND_LINE.split()
