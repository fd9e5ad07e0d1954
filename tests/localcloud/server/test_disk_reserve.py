"""The space that is kept aside: once, given back when it is all there is, and set aside again later."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from localcloud.server import disk_reserve


def free(monkeypatch: pytest.MonkeyPatch, left: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=left))


def test_it_takes_real_blocks_once(tmp_path: Path) -> None:
    disk_reserve.keep(tmp_path)
    file = tmp_path / disk_reserve.FILE_NAME
    before = file.stat()
    assert before.st_blocks * 512 >= disk_reserve.SIZE
    disk_reserve.keep(tmp_path)
    assert file.stat().st_mtime_ns == before.st_mtime_ns


def test_it_is_given_back_when_there_is_less_left_and_set_aside_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk_reserve.keep(tmp_path)
    free(monkeypatch, disk_reserve.SIZE)
    disk_reserve.release(tmp_path)
    assert (tmp_path / disk_reserve.FILE_NAME).exists()
    free(monkeypatch, disk_reserve.SIZE - 1)
    disk_reserve.release(tmp_path)
    assert not (tmp_path / disk_reserve.FILE_NAME).exists()
    disk_reserve.keep(tmp_path)
    assert (tmp_path / disk_reserve.FILE_NAME).exists()


def test_a_folder_without_room_goes_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    disk_reserve.keep(tmp_path)
    assert not list(tmp_path.iterdir())
    disk_reserve.release(tmp_path)
