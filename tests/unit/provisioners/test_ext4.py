"""Quotas and reserved blocks of the data volume, on files in the place of disks, with the real e2fsprogs.

What the kernel makes of them is for the image tests: a kernel without quota_v2 mounts none of these.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

MIB = 2**20


@pytest.fixture(scope="module")
def ext4(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("boot.ext4")


@pytest.fixture(autouse=True)
def kernel(ext4: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has quotas, whatever this machine's has; and the folders of e2fsprogs are on the path."""
    monkeypatch.setattr(ext4, "kernel_has_quotas", lambda: True)
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin:/sbin")


def old_volume(folder: Path, mib: int = 64) -> Path:
    """As images without quotas format it, with a user's file and one of root's in it."""
    path = folder / "disk"
    with path.open("wb") as stream:
        stream.truncate(mib * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-L", "hubsmith-data", "-m", "1", str(path)], check=True)
    (folder / "notebook").write_text(os.urandom(3 * MIB // 2).hex())
    debugfs(path, f"write {folder / 'notebook'} notebook", "set_inode_field notebook uid 2001")
    return path


def debugfs(path: Path, *requests: str) -> str:
    told = ""
    for request in requests:
        done = subprocess.run(
            ["debugfs", "-w", "-R", request, str(path)], capture_output=True, text=True, check=True
        )
        told += done.stdout
    return told


def quotas(path: Path) -> dict[int, tuple[int, int]]:
    """{uid: (bytes, inodes)}, as the file system's own accounts have it."""
    lines = debugfs(path, "list_quota user").splitlines()[1:]
    rows = [[field for field in line.split() if field != "/"] for line in lines if line.strip()]
    return {int(row[0]): (int(row[1]), int(row[4])) for row in rows}


def is_clean(path: Path) -> bool:
    return subprocess.run(["e2fsck", "-f", "-n", str(path)], capture_output=True, check=False).returncode == 0


def test_an_existing_volume_gets_user_quotas_that_count_what_is_there(
    ext4: ModuleType, tmp_path: Path
) -> None:
    path = old_volume(tmp_path)
    before = ext4.read(str(path))
    assert not before.enforces
    ext4.prepare(str(path))
    found = ext4.read(str(path))
    assert found.enforces
    # An earlier image mounts what it mounted before: ext4 knows "quota" as one that may be written to.
    assert found.features - before.features == {"quota"}
    assert quotas(path)[2001] == (3 * MIB, 1)
    assert is_clean(path)


def test_a_second_boot_changes_nothing(
    ext4: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_volume(tmp_path)
    ext4.prepare(str(path))
    monkeypatch.setattr(ext4, "_tune", lambda *_: pytest.fail("tune2fs was called"))
    ext4.prepare(str(path))


def test_a_new_volume_has_them_from_the_start(ext4: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "disk"
    with path.open("wb") as stream:
        stream.truncate(64 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-F", *ext4.MAKE_OPTIONS, str(path)], check=True)
    assert ext4.read(str(path)).enforces


@pytest.mark.parametrize("moment_ms", [0, 1, 2, 3, 5, 8, 13, 21])
def test_what_a_killed_boot_leaves_is_finished_by_the_next(
    ext4: ModuleType, tmp_path: Path, moment_ms: int
) -> None:
    path = old_volume(tmp_path)
    before = debugfs(path, "cat notebook")[:1000]
    adding = subprocess.Popen(["tune2fs", "-O", "quota", "-Q", "usrquota,^grpquota", str(path)])
    time.sleep(moment_ms / 1000)
    adding.kill()
    adding.wait()
    ext4.check(str(path))
    ext4.prepare(str(path))
    assert ext4.read(str(path)).enforces
    assert quotas(path)[2001] == (3 * MIB, 1)
    assert is_clean(path)
    assert debugfs(path, "cat notebook")[:1000] == before


def test_the_feature_without_its_file_is_added_again(ext4: ModuleType, tmp_path: Path) -> None:
    """The superblock is written, the number of the hidden file is not."""
    path = old_volume(tmp_path)
    debugfs(path, "feature quota")
    assert not ext4.read(str(path)).enforces
    ext4.prepare(str(path))
    assert ext4.read(str(path)).enforces
    assert quotas(path)[2001] == (3 * MIB, 1)
    assert is_clean(path)


def test_a_kernel_without_quotas_gets_a_volume_that_it_can_mount(
    ext4: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_volume(tmp_path)
    ext4.prepare(str(path))
    monkeypatch.setattr(ext4, "kernel_has_quotas", lambda: False)
    ext4.prepare(str(path))
    assert "quota" not in ext4.read(str(path)).features
    assert is_clean(path)


def test_root_keeps_blocks_on_an_existing_volume_too(ext4: ModuleType, tmp_path: Path) -> None:
    path = old_volume(tmp_path)
    size = ext4.read(str(path)).block_count
    ext4.reserve(str(path))
    assert ext4.read(str(path)).reserved_blocks == int(size * ext4.RESERVED_SHARE)


def test_of_a_large_volume_root_keeps_two_gib(ext4: ModuleType) -> None:
    superblock = ext4.Superblock(frozenset(), True, 2**30, 0, 4096)  # 4 TiB
    assert ext4.reserved_blocks(superblock) * 4096 == 2 * 2**30


def test_a_volume_that_grows_keeps_its_quotas(ext4: ModuleType, tmp_path: Path) -> None:
    path = old_volume(tmp_path)
    ext4.prepare(str(path))
    with path.open("r+b") as stream:
        stream.truncate(128 * MIB)
    ext4.check(str(path), force=True)
    subprocess.run(["resize2fs", str(path)], check=True, capture_output=True)
    ext4.check(str(path))
    assert ext4.read(str(path)).enforces
    assert quotas(path)[2001] == (3 * MIB, 1)


def test_what_e2fsck_does_not_mend_by_itself_is_told(ext4: ModuleType, tmp_path: Path) -> None:
    path = old_volume(tmp_path)
    with path.open("r+b") as stream:
        stream.write(b"x" * 65536)
    with pytest.raises(ext4.Ext4Error):
        ext4.check(str(path))
