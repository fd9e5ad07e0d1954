"""The machine's own document, and what its kernel reports, in parts."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from build.hubs import address, instances, volume
from build.hubs.hub import Hub
from build.operate import status
from build.operate.status import Part, has_panicked, kernel_part, parts_of
from tests.consoles import Ec2, recorded

WELL: dict[str, Any] = {
    "boot": {"phase": "ready"},
    "hub": {"ok": True, "version": "6.1.1"},
    "proxy": {"ok": True},
    "certificate": {
        "kind": "acme",
        "names": ["hub.example.org"],
        "days_left": 60,
        "serial": "ab",
        "served_serial": "ab",
    },
    "volume": {
        "id": "vol-1",
        "mounted": True,
        "size_gib": 50,
        "free_gib": 40,
        "free_share": 0.8,
        "free_inodes_share": 0.9,
    },
    "root_disk": {"size_gib": 16, "free_gib": 9, "free_share": 0.6, "free_inodes_share": 0.7},
    "disk_limits": {
        "hold": True,
        "warning": None,
        "nearly_full": [],
        "from_existing_files": [],
        "frozen": False,
    },
    "users": 3,
    "servers": 1,
    "spawn": {"ok": True, "seconds": 12, "message": ""},
}


def test_a_hub_that_is_well_is_well_in_every_part() -> None:
    parts = parts_of(WELL)
    names = {"hub", "proxy", "spawn", "certificate", "disk", "root disk", "users"}
    assert {part.name for part in parts} == names
    assert all(part.ok for part in parts)


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("hub", {"hub": {"ok": False}}),
        ("proxy", {"proxy": {"ok": False}}),
        ("spawn", {"spawn": {"ok": False, "message": "no memory"}}),
        ("certificate", {"certificate": {**WELL["certificate"], "served_serial": "cd"}}),
        ("certificate", {"certificate": {**WELL["certificate"], "kind": "self-signed"}}),
        ("disk", {"volume": {**WELL["volume"], "mounted": False}}),
        # A disk with nothing free was "ok" as long as it was mounted.
        ("disk", {"volume": {**WELL["volume"], "free_gib": 0.0, "free_share": 0.0}}),
        ("disk", {"volume": {**WELL["volume"], "free_share": 0.0499}}),
        ("disk", {"volume": {**WELL["volume"], "free_inodes_share": 0.0499}}),
        ("root disk", {"root_disk": {**WELL["root_disk"], "free_share": 0.0499}}),
        ("root disk", {"root_disk": {**WELL["root_disk"], "free_inodes_share": 0.0499}}),
    ],
)
def test_what_is_not_well_is_told_by_its_part(part: str, wrong: dict[str, Any]) -> None:
    """https://github.com/jupyterhub/zero-to-jupyterhub-k8s/issues/518"""
    assert [found.name for found in parts_of({**WELL, **wrong}) if not found.ok] == [part]


def test_a_disk_says_what_it_is_short_of() -> None:
    scarce = {**WELL["volume"], "free_share": 0.01, "free_inodes_share": 0.021}
    (disk,) = [part for part in parts_of({**WELL, "volume": scarce}) if part.name == "disk"]
    assert disk.told == "40 of 50 GiB free; only 1.0% of blocks and 2.1% of inodes are free"


def test_an_older_image_says_nothing_of_shares_and_limits() -> None:
    old = {key: value for key, value in WELL.items() if key not in ("root_disk", "disk_limits")} | {
        "volume": {"id": "vol-1", "mounted": True, "size_gib": 50, "free_gib": 40}
    }
    parts = parts_of(old)
    assert all(part.ok for part in parts)
    assert not {"root disk", "disk limits"} & {part.name for part in parts}


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"warning": "users' disk limits add up to 90.0 GiB"}, "users' disk limits add up to 90.0 GiB"),
        ({"nearly_full": ["ada", "bob"]}, "nearly full: ada, bob"),
        (
            {"from_existing_files": ["eve"]},
            "higher limits because of existing files: eve",
        ),
        ({"frozen": True}, "few inodes are left: no user can have more files than now"),
        ({"hold": False}, "not enforced: the file system has no quotas"),
    ],
)
def test_what_there_is_to_know_of_disk_limits_is_told_and_is_no_failure(
    limits: dict[str, Any], told: str
) -> None:
    document = {**WELL, "disk_limits": {**WELL["disk_limits"], **limits}}
    (part,) = [part for part in parts_of(document) if part.name == "disk limits"]
    assert (part.ok, part.told) == (None, told)


def test_an_update_that_waits_for_a_restart_is_told_and_is_no_failure() -> None:
    waits = {"needed": True, "since": "2026-11-29T10:00:00+00:00", "packages": ["linux-image-amd64"]}
    (part,) = [part for part in parts_of({**WELL, "restart": waits}) if part.name == "restart"]
    assert part.ok is None
    assert part.told.startswith("needed since 2026-11-29T10:00 for linux-image-amd64: ")
    assert "restart" not in {
        part.name for part in parts_of({**WELL, "restart": {"needed": False, "since": None, "packages": []}})
    }


@pytest.mark.parametrize(
    ("console", "ok", "panicked"),
    [
        ("no-faults", True, False),
        ("debian-13-int3", False, True),
        ("debian-12-oops", False, False),
        ("debian-12-lockup", None, False),
        ("tiny-stall-then-panic", None, False),
    ],
)
def test_a_fault_of_this_boot_is_bad_and_what_the_machine_has_recovered_from_is_shown(
    console: str, ok: bool | None, panicked: bool
) -> None:
    part = kernel_part(recorded(console))
    assert (part.name, part.ok, has_panicked(part)) == ("kernel", ok, panicked)
    assert (part.told == "no fault on its console") is (ok is True)


def test_a_panic_is_told_in_words_and_in_figures() -> None:
    part = kernel_part(recorded("tiny-stall-then-panic"))
    assert part.cells == (
        "?",
        "kernel",
        "the machine's kernel panicked 73.5 s after its start: Kernel panic - not syncing: sysrq "
        "triggered crash;"
        " it has started again since",
    )
    assert part.details["faults"] == [
        {
            "kind": "panic",
            "seconds": 73.518686,
            "message": "Kernel panic - not syncing: sysrq triggered crash",
            "restarts": 1,
        }
    ]


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Part], list[Part]]:
    """The parts of a hub that runs, by what is on its console and how it answers from outside."""
    instance: Any = SimpleNamespace(id="i-1", state="running", public_ip="127.77.0.1", subdomains=False)
    well = Part("other", True, "", {})
    monkeypatch.setattr(instances, "of_hub", lambda *_: [instance])
    monkeypatch.setattr(address, "own_address", lambda *_: None)
    monkeypatch.setattr(volume, "own_volume", lambda *_: None)
    for name in ("_instance", "_volume", "_name", "_boot"):
        monkeypatch.setattr(status, name, lambda *_: well)
    monkeypatch.setattr(status, "_inside", lambda *_, **__: [Part("hub", True, "asked", {})])

    def examine(console: str, outside: Part) -> list[Part]:
        clients: Any = SimpleNamespace(ec2=Ec2(console, refuses="" if console else "UnauthorizedOperation"))
        monkeypatch.setattr(status, "_outside", lambda *_: outside)
        nothing: Any = None
        return status.examine(Hub("hub.example.org"), clients, nothing, nothing, spawn=False)

    return examine


SILENT = Part("https", False, "no answer", {})


@pytest.mark.parametrize(
    ("console", "outside", "asked"),
    [
        ("debian-13-int3", SILENT, False),
        ("debian-13-int3", Part("https", False, "its certificate is self-signed", {"serial": "ab"}), True),
        ("debian-12-oops", SILENT, True),
        ("tiny-stall-then-panic", SILENT, True),
        ("no-faults", SILENT, True),
    ],
)
def test_a_machine_that_stands_in_a_panic_and_does_not_answer_is_not_asked_by_ssh(
    examined: Callable[[str, Part], list[Part]], console: str, outside: Part, asked: bool
) -> None:
    last = examined(recorded(console), outside)[-1]
    assert (last.name, last.told) == (
        ("hub", "asked") if asked else ("machine", "not asked: its kernel has panicked")
    )


def test_a_console_that_cannot_be_read_is_told_as_that(examined: Callable[[str, Part], list[Part]]) -> None:
    kernel = next(part for part in examined("", SILENT) if part.name == "kernel")
    assert (kernel.ok, kernel.told.partition(":")[0]) == (None, "its console cannot be read")
