"""The program `status` of the image: what it says of disks and of users' limits."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.conftest import REPO

PROGRAM = REPO / "provisioners/service/files/usr/lib/hubsmith/status"
GIB = 2**30


@pytest.fixture
def status(program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    program("hubsmith_hub.accounts")
    loader = SourceFileLoader("hubsmith_status", str(PROGRAM))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    monkeypatch.setattr(module.quota, "device", lambda: "/dev/vdb")
    monkeypatch.setattr(module.quota, "are_on", lambda _: True)
    monkeypatch.setattr(module.quota, "DATA", Path("/"))
    return module


def disk(monkeypatch: pytest.MonkeyPatch, **sizes: int) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_frsize=4096, **sizes))


def test_what_root_keeps_is_not_free(status: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    block_count = 10 * GIB // 4096
    disk(monkeypatch, f_blocks=block_count, f_bfree=block_count // 20, f_bavail=0, f_files=100, f_ffree=4)
    assert status._room("/") == {
        "size_gib": 10.0,
        "free_gib": 0.0,
        "free_share": 0.0,
        "free_inodes_share": 0.04,
    }


def test_an_empty_disk_is_wholly_free(status: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what users can have: without root's blocks."""
    disk(monkeypatch, f_blocks=100, f_bfree=100, f_bavail=95, f_files=0, f_ffree=0)
    assert (status._room("/")["free_share"], status._room("/")["free_inodes_share"]) == (1.0, 1.0)


def row(name: str, used: int, most: int, origin: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "used_bytes": used,
        "max_bytes": most,
        "used_inodes": 1,
        "max_inodes": 0,
        "origin": origin,
    }


def test_who_is_near_a_limit_and_who_has_one_from_earlier_files_is_named(
    status: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row("ada", 81, 100), row("bob", 80, 100), row("eve", 1, 100, "existing files")]
    monkeypatch.setattr(status.disk_limits, "report", lambda: rows)
    told = status._disk_limits()
    assert (told["hold"], told["warning"], told["nearly_full"]) == (True, None, ["ada"])
    assert told["from_existing_files"] == ["eve"]


def test_more_promised_than_the_volume_has_is_told(
    status: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status.disk_limits, "report", lambda: [row("ada", 0, 11 * GIB)])
    disk(monkeypatch, f_blocks=10 * GIB // 4096)
    assert "add up to 11.0 GiB, and the data volume has 10.0" in status._disk_limits()["warning"]


def test_limits_that_do_not_hold_are_told(status: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status.quota, "are_on", lambda _: False)
    told = status._disk_limits()
    assert (told["hold"], told["warning"]) == (False, None)


def test_a_file_that_cannot_be_read_ends_no_status(
    status: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ValueError("disk-limits.json cannot be read")

    monkeypatch.setattr(status.disk_limits, "report", broken)
    assert status._disk_limits() == {"hold": False, "message": "disk-limits.json cannot be read"}


def test_a_hub_that_a_file_in_conf_d_keeps_from_starting_says_which_and_where(
    status: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def silent(*_: object, **__: object) -> None:
        raise status.operator.HubError("the hub does not answer")

    monkeypatch.setattr(status.operator, "call", silent)
    monkeypatch.setattr(status, "_CONF_D_PROBLEM", tmp_path / "problem.json")
    assert status._hub()["message"] == "the hub does not answer"
    (tmp_path / "problem.json").write_text('{"file": "/etc/x.py", "line": 3, "message": "no"}')
    assert status._hub()["message"] == "it does not start: /etc/x.py, line 3: no"
    (tmp_path / "problem.json").write_text('{"file": "/etc/x.py", "line": 0, "message": "no"}')
    assert status._hub()["message"] == "it does not start: /etc/x.py: no"
