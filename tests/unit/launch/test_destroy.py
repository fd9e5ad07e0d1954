"""What `destroy` says that it keeps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from build.hubs.hub import Hub
from build.launch import destroy, volume
from build.launch.destroy import RemoveOrKeepDataVolume


def test_a_data_volume_that_is_kept_has_its_price(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    state: Any = SimpleNamespace(
        hub=Hub("hub.example.org"), clients=None, report=SimpleNamespace(note=told.append)
    )
    monkeypatch.setattr(destroy, "own_volume", lambda *_: {"VolumeId": "vol-1", "Size": 50})
    monkeypatch.setattr(volume, "wait_for", lambda *_: None)
    monkeypatch.setattr(volume, "snapshot", lambda *_: "snap-1")
    RemoveOrKeepDataVolume(with_data=False).run(state)
    assert told == [
        "kept vol-1 and snap-1: the next launch of hub.example.org finds the volume. On AWS the volume costs "
        "about 4.00 dollars a month and each snapshot of it up to 2.50; --with-data deletes the volume and "
        "all of them"
    ]
