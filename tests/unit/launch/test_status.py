"""The machine's own document, in parts."""

from __future__ import annotations

from typing import Any

import pytest

from build.launch.status import parts_of

WELL: dict[str, Any] = {
    "boot": {"phase": "ready"},
    "hub": {"ok": True, "version": "6.1.1"},
    "proxy": {"ok": True},
    "certificate": {"kind": "acme", "names": ["hub.example.org"], "days_left": 60, "serial": "ab", "served_serial": "ab"},
    "volume": {"id": "vol-1", "mounted": True, "size_gib": 50, "free_gib": 40},
    "users": 3,
    "servers": 1,
    "spawn": {"ok": True, "seconds": 12, "message": ""},
}


def test_a_hub_that_is_well_is_well_in_every_part() -> None:
    parts = parts_of(WELL)
    assert {part.name for part in parts} == {"hub", "proxy", "spawn", "certificate", "disk", "users"}
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
    ],
)
def test_what_is_not_well_is_told_by_its_part(part: str, wrong: dict[str, Any]) -> None:
    assert [found.name for found in parts_of({**WELL, **wrong}) if not found.ok] == [part]
