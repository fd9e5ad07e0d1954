"""Starting the cloud where it cannot work."""

from __future__ import annotations

from pathlib import Path

import pytest

from build.errors import MachineError
from build.localcloud import host, server


def test_closed_ports_are_said_before_anything_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = tmp_path / "ip_unprivileged_port_start"
    start.write_text("1024\n")
    monkeypatch.setattr(host, "PORT_START", start)
    monkeypatch.setattr(host, "_has_capability", lambda number: False)
    try:
        with pytest.raises(MachineError, match="ports below 1024 are root's") as caught:
            server.ensure_up(tmp_path / "cloud")
    finally:
        if (tmp_path / "cloud").exists():  # it was started after all
            server.reset(tmp_path / "cloud")
    assert "sudo tee /etc/sysctl.d/60-hubsmith.conf" in str(caught.value.hint)
    assert not (tmp_path / "cloud").exists()


def test_root_and_opened_ports_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = tmp_path / "ip_unprivileged_port_start"
    start.write_text("22\n")
    monkeypatch.setattr(host, "PORT_START", start)
    monkeypatch.setattr(host, "_has_capability", lambda number: False)
    assert host.low_ports().ok
    start.write_text("1024\n")
    monkeypatch.setattr(host, "_has_capability", lambda number: number == 10)  # CAP_NET_BIND_SERVICE
    assert host.low_ports().ok
