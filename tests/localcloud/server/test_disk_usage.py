"""How much of the disk the cloud takes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from localcloud.server.disk_usage import places, readable


def test_each_byte_counts_once(tmp_path: Path) -> None:
    cloud, cache = tmp_path / "cloud", tmp_path / "cache"
    for folder in (cloud / "layers", cloud / "machines" / "i-1", cache / "base"):
        folder.mkdir(parents=True)
    (cache / "base" / "tiny.qcow2").write_bytes(bytes(3 << 20))
    os.link(cache / "base" / "tiny.qcow2", cloud / "layers" / "snap-1.qcow2")
    (cloud / "layers" / "vol-1.qcow2").write_bytes(bytes(2 << 20))
    (cloud / "machines" / "i-1" / "console.log").write_bytes(bytes(1 << 20))
    (cloud / "server.log").write_bytes(bytes(4096))
    sizes = {place.what: place.size for place in places(cloud, cache)}
    assert sizes == {"layers": 2 << 20, "machines": 1 << 20, "logs": 4096, "kept state": 0, "cache": 3 << 20}


def test_a_cloud_that_is_not_there_takes_nothing(tmp_path: Path) -> None:
    assert sum(place.size for place in places(tmp_path / "cloud", tmp_path / "cache")) == 0


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 MiB"), (400 << 10, "0.4 MiB"), (12 << 20, "12 MiB"), (1331 << 20, "1.3 GiB")]
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert readable(size) == text
