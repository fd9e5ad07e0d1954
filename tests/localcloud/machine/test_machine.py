"""The parts of a machine that need no machine: the command line, firmware descriptors, pid files. tests/cloud
boots real ones.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from build.errors import MachineError
from localcloud.machine.machine import Drive, Machine, MachineSpec
from localcloud.machine.qemu import process
from localcloud.machine.qemu.command_line import PORTS, Tools, command_line
from localcloud.machine.qemu.firmware import Firmware, find_firmware
from localcloud.machine.qemu.program import Accelerator, Program

ROOT = Drive("vol-0123456789abcdef0", Path("/state/layers/root.qcow2"), boot=True)
DATA = Drive("vol-0fedcba9876543210", Path("/state/layers/data,1.qcow2"))
SPEC = MachineSpec("i-0123456789abcdef0", 2, 2048, "02:00:00:00:00:01", (ROOT, DATA))
FIRMWARE = Firmware(Path("/fw/code.fd"), Path("/fw/vars.fd"))
QEMU = Program(("/opt/loader", "/opt/qemu"), "QEMU emulator version 10.0.13")


def command(
    spec: MachineSpec = SPEC, accelerator: Accelerator = "tcg", saved: str | None = None
) -> list[str]:
    files = Machine(Path("/state/machines/i-0123456789abcdef0"), Path("/run/a,b c")).files
    return command_line(spec, files, Tools(QEMU, accelerator, FIRMWARE, "/usr/bin/socat"), saved)


def values(arguments: list[str], option: str) -> list[str]:
    return [value for name, value in pairwise(arguments) if name == option]


def objects(arguments: list[str], option: str) -> list[dict[str, Any]]:
    return [json.loads(value) for value in values(arguments, option) if value.startswith("{")]


def test_the_guest_finds_a_volume_by_its_serial_and_boots_from_the_right_one() -> None:
    disks = [device for device in objects(command(), "-device") if device["driver"] == "virtio-blk-pci"]
    assert [(disk["serial"], disk.get("bootindex")) for disk in disks] == [
        ("vol0123456789abcdef0", 0),
        ("vol0fedcba9876543210", None),
    ]
    assert all(len(disk["serial"]) == 20 for disk in disks)


def test_a_disk_of_a_xen_type_has_no_serial() -> None:
    spec = replace(SPEC, drives=(replace(ROOT, named=False),))
    (disk,) = (device for device in objects(command(spec), "-device") if device["driver"] == "virtio-blk-pci")
    assert "serial" not in disk


def test_a_flush_of_the_guest_reaches_the_host_but_is_not_forced_to_its_disk() -> None:
    nodes = {node["node-name"]: node for node in objects(command(), "-blockdev")}
    assert nodes[ROOT.volume_id]["cache"] == {"direct": False, "no-flush": True}
    assert nodes[DATA.volume_id]["file"]["filename"] == "/state/layers/data,1.qcow2"


def test_each_volume_has_a_port_of_its_own_and_some_are_spare() -> None:
    devices = objects(command(), "-device")
    ports = [device["id"] for device in devices if device["driver"] == "pcie-root-port"]
    used = [device["bus"] for device in devices if device["driver"] == "virtio-blk-pci"]
    assert len(set(ports)) == PORTS
    assert len(set(used)) == 2
    assert set(used) < set(ports)


def test_nvme_is_a_setting() -> None:
    spec = MachineSpec(SPEC.instance_id, 2, 2048, SPEC.mac, SPEC.drives, controller="nvme")
    assert [
        device["serial"] for device in objects(command(spec), "-device") if device["driver"] == "nvme"
    ] == [ROOT.serial, DATA.serial]


def test_cloud_init_takes_it_for_ec2() -> None:
    (number,) = values(command(), "-uuid")
    system = values(command(), "-smbios")[0]
    assert number.startswith("ec2")
    assert f"serial={number}" in system
    assert "manufacturer=Amazon EC2" in system
    assert values(command(), "-uuid") == [number]  # the same at every boot


def test_commas_and_spaces_in_folders_survive_qemus_and_the_shells_splitting() -> None:
    (network,) = values(command(), "-netdev")
    assert "UNIX-CONNECT:'/run/a,,b c/i-0123456789abcdef0.imds'" in network
    assert any(
        value.endswith("path=/run/a,,b c/i-0123456789abcdef0.qmp") for value in values(command(), "-chardev")
    )


def test_kvm_uses_the_hosts_processor() -> None:
    assert values(command(accelerator="kvm"), "-accel") == ["kvm"]
    assert values(command(accelerator="kvm"), "-cpu") == ["host"]


def test_the_chosen_qemu_is_run_under_the_name_that_users_know() -> None:
    assert command()[:2] == ["/opt/loader", "/opt/qemu"]
    assert values(command(), "-name") == [f"{SPEC.instance_id},process=qemu-system-x86"]


def test_a_saved_state_is_named() -> None:
    assert values(command(saved="booted"), "-loadvm") == ["booted"]
    assert "-loadvm" not in command()


def test_a_machine_that_never_ran_is_not_running_and_said_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "i-1", tmp_path)
    assert not machine.is_running()
    assert machine.wait_ended(0)
    assert machine.console() == b""
    machine.quit()
    assert list(tmp_path.iterdir()) == []


class TestFirmware:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name in ("code.fd", "vars.fd"):
            (tmp_path / name).touch()
        return tmp_path

    def descriptor(
        self, folder: Path, name: str, *features: str, code: str = "code.fd", machines: str = "pc-q35-*"
    ) -> None:
        mapping = {
            "device": "flash",
            "executable": {"filename": str(folder / code), "format": "raw"},
            "nvram-template": {"filename": str(folder / "vars.fd"), "format": "raw"},
        }
        targets = [{"architecture": "x86_64", "machines": [machines]}]
        text = json.dumps(
            {"interface-types": ["uefi"], "mapping": mapping, "targets": targets, "features": list(features)}
        )
        (folder / name).write_text(text)

    def test_the_plain_one_is_found_among_the_others(self, folder: Path) -> None:
        self.descriptor(folder, "40-secure.json", "secure-boot", "requires-smm", code="vars.fd")
        self.descriptor(folder, "50-microvm.json", machines="microvm", code="vars.fd")
        self.descriptor(folder, "55-gone.json", code="not-installed.fd")
        self.descriptor(folder, "60-plain.json", "acpi-s3")
        assert find_firmware((folder,)) == Firmware(folder / "code.fd", folder / "vars.fd")

    def test_an_empty_file_of_the_administrator_hides_one(self, folder: Path) -> None:
        (folder / "etc").mkdir()
        (folder / "etc" / "60-plain.json").touch()
        self.descriptor(folder, "60-plain.json")
        with pytest.raises(MachineError, match="no UEFI firmware"):
            find_firmware((folder / "etc", folder))

    def test_none_is_an_error_with_a_hint(self, tmp_path: Path) -> None:
        with pytest.raises(MachineError) as caught:
            find_firmware((tmp_path,))
        assert caught.value.hint == "apt install ovmf"


class TestProcess:
    @pytest.fixture
    def running(self, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
        """A process that names its pid file on its command line, as QEMU does."""
        with subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(60)", str(tmp_path / "pid")]
        ) as started:
            (tmp_path / "pid").write_text(f"{started.pid}\n")
            while b"sleep" not in Path(f"/proc/{started.pid}/cmdline").read_bytes():
                time.sleep(0.01)
            yield started
            started.kill()

    def test_it_runs_until_it_is_killed(self, running: subprocess.Popen[bytes], tmp_path: Path) -> None:
        assert process.pid_of(tmp_path / "pid") == running.pid
        assert not process.wait_ended(tmp_path / "pid", 0.05)
        process.kill(tmp_path / "pid")
        assert process.wait_ended(tmp_path / "pid", 5)
        assert process.pid_of(tmp_path / "pid") is None  # a zombie yet: nobody has waited for it

    def test_waiting_ends_when_it_ends(self, running: subprocess.Popen[bytes], tmp_path: Path) -> None:
        subprocess.Popen(["sh", "-c", f"sleep 0.3; kill {running.pid}"]).wait()
        before = time.monotonic()
        assert process.wait_ended(tmp_path / "pid", 30)
        assert time.monotonic() - before < 5

    def test_another_process_of_that_number_is_not_ours(
        self, running: subprocess.Popen[bytes], tmp_path: Path
    ) -> None:
        elsewhere = tmp_path / "other-pid"
        elsewhere.write_text(str(running.pid))
        assert process.pid_of(elsewhere) is None
        process.kill(elsewhere)
        assert running.poll() is None

    @pytest.mark.parametrize("text", ["", "not a number", "999999999"])
    def test_a_pid_file_of_no_process(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "pid").write_text(text)
        assert process.pid_of(tmp_path / "pid") is None
        assert process.wait_ended(tmp_path / "pid", 0)
        process.kill(tmp_path / "pid")

    def test_what_a_failing_qemu_said_is_in_the_error(self, tmp_path: Path) -> None:
        log = tmp_path / "qemu.log"
        log.write_text("of an earlier start")
        with pytest.raises(MachineError, match=r"^QEMU did not start: drive is locked$"):
            process.start(["sh", "-c", "echo drive is locked >&2; exit 1"], log)
        stamped = "2026-11-23T11:41:27.339350Z qemu-system-x86_64: no such port"
        with pytest.raises(MachineError, match=r"^QEMU did not start: no such port$"):
            process.start(["sh", "-c", f"echo {stamped} > {log}; exit 1"], log)
        with pytest.raises(MachineError, match="exit code 3"):
            process.start(["sh", "-c", "exit 3"], log)
        with pytest.raises(MachineError, match="no-such-qemu is not installed"):
            process.start(["no-such-qemu"], log)
