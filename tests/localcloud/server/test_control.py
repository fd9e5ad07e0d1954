"""Starting the cloud where it cannot work; seeing which machines run."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from build.errors import MachineError
from localcloud import doctor
from localcloud.machine import emulator
from localcloud.server import control
from localcloud.server.endpoint import is_locked


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


@pytest.fixture
def coming_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cloud whose server takes a minute to come up."""
    monkeypatch.setattr(
        control,
        "_command",
        lambda *_: [sys.executable, "-c", "import time; time.sleep(60)"],
    )
    monkeypatch.setattr(control, "require_host", lambda: None)
    monkeypatch.setattr(emulator, "ensure", lambda _: None)
    return tmp_path / "cloud"


def test_down_ends_a_server_that_is_coming_up(coming_up: Path) -> None:
    failed: list[BaseException] = []

    def up() -> None:
        try:
            control.ensure_up(coming_up)
        except MachineError as error:
            failed.append(error)

    starting = threading.Thread(target=up)
    starting.start()
    deadline = time.monotonic() + 30
    while not is_locked(coming_up) and time.monotonic() < deadline:
        time.sleep(0.01)
    control.down(coming_up)
    assert not is_locked(coming_up)
    starting.join(30)
    assert [str(error) for error in failed] == ["the local cloud did not come up"]


def test_one_that_is_interrupted_leaves_no_server(coming_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: Path) -> None:
        if is_locked(coming_up):
            raise KeyboardInterrupt

    monkeypatch.setattr(control, "find", interrupt)
    with pytest.raises(KeyboardInterrupt):
        control.ensure_up(coming_up)
    assert not is_locked(coming_up)


def test_a_second_start_waits_for_the_first(coming_up: Path) -> None:
    first = control._spawn(coming_up, 0)
    assert first is not None
    assert control._spawn(coming_up, 0) is None
    assert (coming_up / "daemon.lock").read_text() == str(first.pid)
    control.down(coming_up)
    first.wait()


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    assert control._log_tail(tmp_path) == f"the disk is full: {tmp_path} is on it"
