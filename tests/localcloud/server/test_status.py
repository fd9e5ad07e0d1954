"""What `cloud.status` tells of the kernels of machines, from their consoles on disk."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from build.commands.cloud import _status_rows
from localcloud.server import status as statuses
from tests.consoles import PANIC, recorded


@pytest.fixture
def cloud(tmp_path: Path) -> Path:
    """Three machines whose kernels panicked, are well, and panicked before the machine ended."""
    for name, console in (("i-1", "debian-13-int3"), ("i-2", "no-faults"), ("i-3", "debian-13-int3")):
        folder = tmp_path / "machines" / name
        folder.mkdir(parents=True)
        (folder / "console.log").write_text(recorded(console), newline="")
    return tmp_path


@pytest.fixture
def found(cloud: Path, monkeypatch: pytest.MonkeyPatch) -> statuses.Status:
    monkeypatch.setattr(statuses, "machines", lambda _: {"i-1": 11, "i-2": 12})
    return statuses.status(cloud)


def test_each_machine_that_runs_has_its_newest_fault_below_it(found: statuses.Status) -> None:
    rows = _status_rows(found)
    first = rows.index(("machine", "i-1 (pid 11)"))
    assert rows[first + 1][0] == "kernel fault"
    assert rows[first + 1][1].startswith(PANIC)
    assert rows[first + 2 :] == [("machine", "i-2 (pid 12)")]


def test_the_document_has_them_by_machine(found: statuses.Status) -> None:
    document = json.loads(json.dumps(asdict(found), default=str))
    assert list(document["kernel_faults"]) == ["i-1"]
    (fault,) = document["kernel_faults"]["i-1"]
    assert (fault["kind"], fault["seconds"], fault["restarts"]) == ("panic", 35.347554, 0)


def test_of_a_large_console_only_the_end_is_read(tmp_path: Path) -> None:
    console = tmp_path / "console.log"
    console.write_text(recorded("debian-13-int3") + "a line of some program\r\n" * 20_000, newline="")
    assert statuses.kernel_faults(console) == []
    with console.open("a", newline="") as file:
        file.write(recorded("debian-13-int3"))
    assert [str(fault)[: len(PANIC)] for fault in statuses.kernel_faults(console)] == [PANIC]


def test_a_machine_without_a_console_has_no_faults(tmp_path: Path) -> None:
    assert statuses.kernel_faults(tmp_path / "console.log") == []
