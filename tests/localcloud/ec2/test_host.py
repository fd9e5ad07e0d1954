"""The host beneath the API: what it leaves on this computer."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.ec2.host import Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path / "cloud")
    host.open()
    for name in ("i-1.key", "i-1.imds", "i-2.key"):
        (host.runtime / name).touch()
    return host


def test_sockets_and_key_go_with_their_instance(host: Host) -> None:
    host.end_metadata("i-1")
    assert [path.name for path in host.runtime.iterdir()] == ["i-2.key"]


def test_their_folder_stays_while_an_instance_needs_it(host: Host) -> None:
    host.end_metadata("i-1")
    host.close()
    assert (host.runtime / "i-2.key").exists()
    host.end_metadata("i-2")
    host.close()
    assert not host.runtime.exists()
