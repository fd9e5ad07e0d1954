"""Two commands for one hub exclude each other; two hubs do not know of each other."""

from __future__ import annotations

import json
import signal
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.cloud.hubs import Site

pytestmark = pytest.mark.vm


def test_two_at_once_exclude_each_other(site: Site, made: dict[str, Any]) -> None:
    lock = {
        "owner": "ada@elsewhere",
        "machine": "another",
        "doing": "launch",
        "since": "2026-11-25T00:00:00+00:00",
    }
    in_an_hour = (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat()
    site.say("lock", json.dumps({**lock, "until": in_an_hour}))
    done = site.launch()
    assert done.status == 1
    assert "ada@elsewhere is working on hub.example.test (launch)" in done.err
    site.say("lock", json.dumps({**lock, "until": "2026-11-25T00:00:00+00:00"}))
    first = site.start(*site.arguments())
    first.wait_for("» find the image")
    with first.paused():
        second = site.launch()
    assert (second.status, second.out) == (1, "")
    assert "another command on this machine is working on hub.example.test" in second.err
    assert first.process.wait(timeout=120) == 0
    first.end(signal.SIGTERM)


def test_two_domains_live_side_by_side(site: Site, made: dict[str, Any], other: Site) -> None:
    second = other.launched()
    first = site.launched()
    for key in ("address", "instance_id", "volume_id", "url"):
        assert first[key] != second[key]
    assert first["changes"] == []
