"""Starting the cloud where it cannot work; seeing which machines run."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from build.errors import MachineError
from localcloud import doctor
from localcloud.server import control


def test_closed_ports_are_said_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = tmp_path / "ip_unprivileged_port_start"
    start.write_text("1024\n")
    monkeypatch.setattr(doctor, "PORT_START", start)
    monkeypatch.setattr(doctor, "_has_capability", lambda number: False)
    try:
        with pytest.raises(MachineError, match="ports below 1024 are root's") as caught:
            control.ensure_up(tmp_path / "cloud")
    finally:
        if (tmp_path / "cloud").exists():  # it was started after all
            control.reset(tmp_path / "cloud")
    assert "sudo tee /etc/sysctl.d/60-hubsmith.conf" in str(caught.value.hint)
    assert not (tmp_path / "cloud").exists()


def test_root_and_opened_ports_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = tmp_path / "ip_unprivileged_port_start"
    start.write_text("22\n")
    monkeypatch.setattr(doctor, "PORT_START", start)
    monkeypatch.setattr(doctor, "_has_capability", lambda number: False)
    assert doctor.low_ports().ok
    start.write_text("1024\n")
    monkeypatch.setattr(doctor, "_has_capability", lambda number: number == 10)  # CAP_NET_BIND_SERVICE
    assert doctor.low_ports().ok


def test_machines_that_end_while_they_are_listed_are_no_error(tmp_path: Path) -> None:
    """QEMU removes its pid file as it ends; here one comes and goes all the time."""
    pid_file, over = tmp_path / "machines" / "i-1" / "pid", threading.Event()
    pid_file.parent.mkdir(parents=True)

    def come_and_go() -> None:
        while not over.is_set():
            pid_file.write_text(str(running.pid))
            pid_file.unlink()

    with subprocess.Popen([sys.executable, "-c", "input()", str(pid_file)], stdin=subprocess.PIPE) as running:
        coming = threading.Thread(target=come_and_go)
        coming.start()
        try:
            deadline = time.monotonic() + 1
            while time.monotonic() < deadline:
                assert control.machines(tmp_path) in ({}, {"i-1": running.pid})
        finally:
            over.set()
            coming.join()
            running.kill()
