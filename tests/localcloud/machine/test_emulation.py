"""Which QEMU runs machines, how it emulates their processors, and which saved states fit it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from build.errors import MachineError
from localcloud.base_image import debian, disk, tiny
from localcloud.machine import emulator, kvm_probe, machine
from localcloud.machine.layer_store import run_qemu_img
from localcloud.machine.machine import Drive, Machine, MachineSpec
from localcloud.machine.qemu import emulation, process, program, saved_states
from localcloud.machine.qemu.firmware import Firmware
from localcloud.machine.qemu.program import Program

OLD, GOOD = (
    "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)",
    "QEMU emulator version 10.0.13 (Debian 1:10.0.13+ds-0+deb13u1)",
)


def qemu(folder: Path, banner: str, name: str = program.NAME) -> Path:
    """A program that says it is this QEMU."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho '{banner}'\necho 'Copyright (c) 2003-2022 Fabrice Bellard 99.9'\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host without KVM, whose programs are in bin/ and whose cache is in cache/."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("HUBSMITH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(program.VARIABLE, raising=False)
    monkeypatch.setattr(kvm_probe, "_DEVICE", tmp_path / "kvm")
    return tmp_path


def fetch(host: Path, banner: str, release: str) -> None:
    """Put a QEMU into the cache as `emulator` does; the loader of its C library is a shell that runs it."""
    folder = program.cache_folder() / release
    loader = folder / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    loader.parent.mkdir(parents=True)
    loader.write_text('#!/bin/sh\nshift 2\nexec "$@"\n')
    loader.chmod(0o755)
    qemu(folder / "usr/bin", banner)


@pytest.mark.parametrize(
    ("banner", "release", "well"),
    [
        (OLD, "7.2.22", False),
        ("QEMU emulator version 8.2.2 (Debian 1:8.2.2+ds-0ubuntu1.7)", "8.2.2", False),
        ("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)", "10.0.2", False),
        (GOOD, "10.0.13", True),
        ("QEMU emulator version 10.1", "10.1", True),
        ("QEMU emulator version 11.0.0", "11.0.0", True),
        ("", "0", False),
    ],
)
def test_a_qemu_emulates_well_from_the_version_that_was_measured(
    banner: str, release: str, well: bool
) -> None:
    found = Program((program.NAME,), banner)
    assert (found.release, found.emulates_well) == (release, well)


def test_the_processors_of_a_machine_share_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**21}.__getitem__)
    assert emulation.accel_option() == "tcg,thread=single,tb-size=512"


@pytest.mark.parametrize(("memory_gib", "mib"), [(2, 256), (4, 256), (8, 512), (16, 1024), (64, 1024)])
def test_translated_code_may_take_a_small_part_of_the_memory(memory_gib: int, mib: int) -> None:
    assert emulation.translations_mib(memory_gib * 2**30) == mib


@pytest.mark.parametrize(
    ("accelerator", "said"), [("tcg", {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}), ("kvm", {})]
)
def test_the_memory_of_an_emulation_is_in_large_pages(
    host: Path, monkeypatch: pytest.MonkeyPatch, accelerator: str, said: dict[str, str]
) -> None:
    qemu(host / "bin", GOOD)
    started: list[dict[str, str]] = []
    monkeypatch.setattr(machine, "accelerator", lambda: accelerator)
    monkeypatch.setattr(machine, "find_firmware", lambda: Firmware(host / "code", host / "variables"))
    monkeypatch.setattr(machine, "run_qemu_img", lambda *_: "")
    monkeypatch.setattr(machine, "_find_socat", lambda: "socat")
    monkeypatch.setattr(process, "start", lambda _command, _log, environment: started.append(environment))
    Machine(host / "i-1", host / "run").start(MachineSpec("i-1", 1, 512, "02:00:00:00:00:01", ()))
    assert started == [said]


def test_a_good_qemu_of_the_system_is_used_and_nothing_is_fetched(host: Path) -> None:
    file = qemu(host / "bin", GOOD)
    said: list[str] = []
    emulator.ensure(said.append)
    assert program.chosen("tcg").command == (str(file),)
    assert (said, emulator.what_is_wrong()) == ([], "")


def test_an_update_of_the_systems_qemu_is_noticed(host: Path) -> None:
    qemu(host / "bin", OLD)
    assert program.chosen("tcg").release == "7.2.22"
    qemu(host / "bin", GOOD + " and longer")
    assert program.chosen("tcg").release == "10.0.13"


def test_with_an_old_one_the_newest_in_the_cache_emulates_and_the_systems_own_works_with_kvm(
    host: Path,
) -> None:
    qemu(host / "bin", OLD)
    fetch(host, "QEMU emulator version 9.2.0", "9.2.0")
    fetch(host, GOOD, "10.0.13")
    (program.cache_folder() / ".fetching-abc").mkdir()
    found = program.chosen("tcg")
    assert found.release == "10.0.13"
    assert found.command[0].endswith("ld-linux-x86-64.so.2")
    assert found.environment["QEMU_MODULE_DIR"].endswith("10.0.13/usr/lib/x86_64-linux-gnu/qemu")
    assert program.chosen("kvm").release == "7.2.22"
    assert emulator.what_is_wrong() == ""


def test_one_that_cannot_be_fetched_costs_speed_and_is_no_error(host: Path) -> None:
    qemu(host / "bin", OLD)
    for tool in ("apt-get", "mmdebstrap"):
        (host / "bin" / tool).write_text("#!/bin/sh\necho 'the mirror is down' >&2\nexit 100\n")
        (host / "bin" / tool).chmod(0o755)
    said: list[str] = []
    emulator.ensure(said.append)
    assert said[0].startswith("fetching Debian 13's QEMU")
    assert "QEMU 7.2.22 is older than 10.0.13" in said[0]
    assert "could not be fetched; emulated machines are slower" in said[-1]
    assert "the mirror is down" in said[-1]
    assert program.chosen("tcg").release == "7.2.22"
    assert [path.name for path in program.cache_folder().iterdir()] == [".lock"]


def test_a_qemu_of_ones_own_runs_all_machines(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    qemu(host / "bin", OLD)
    own = qemu(host / "opt", "QEMU emulator version 10.2.0", "my-qemu")
    monkeypatch.setenv(program.VARIABLE, str(own))
    assert program.chosen("tcg").command == program.chosen("kvm").command == (str(own),)
    monkeypatch.setenv(program.VARIABLE, str(host / "nowhere"))
    with pytest.raises(MachineError, match=r"HUBSMITH_QEMU: .*nowhere is not a program"):
        program.chosen("tcg")


def test_without_any_qemu_the_package_is_named(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(host / "bin"))
    with pytest.raises(MachineError, match="not installed") as caught:
        program.chosen("tcg")
    assert caught.value.hint == "apt install qemu-system-x86"


def test_base_images_boot_with_all_their_processors_and_random_addresses() -> None:
    layout = disk.Layout(size_mib=8192, esp_mib=256, esp_folder="boot/efi")
    files = debian.guest_files(layout, [], {}, [])
    assert b"maxcpus" not in files["etc/kernel/cmdline"].content
    assert "maxcpus" not in tiny.COMMAND_LINE
    assert not [path for path in files if b"randomize_va_space" in files[path].content]


class TestSavedStates:
    @pytest.fixture
    def drive(self, tmp_path: Path) -> Drive:
        found = Drive("vol-1", tmp_path / "root.qcow2", boot=True)
        run_qemu_img("create", "-q", "-f", "qcow2", found.path, "1M")
        return found

    def save(self, drive: Drive, *names: str) -> None:
        for name in names:
            run_qemu_img("snapshot", "-q", "-c", name, drive.path)

    def names(self, drive: Drive) -> list[str]:
        found = json.loads(run_qemu_img("info", "--output=json", drive.path))
        return sorted(state["name"] for state in found.get("snapshots", []))

    def test_one_of_the_same_version_is_kept(self, drive: Drive) -> None:
        self.save(drive, "booted@q35-10.0.13", "booted@q35-7.2.22")
        assert saved_states.discard_misfits([drive], "booted", "10.0.13") == []
        assert self.names(drive) == ["booted@q35-10.0.13", "booted@q35-7.2.22"]

    def test_one_of_another_version_is_discarded_and_others_stay(self, drive: Drive) -> None:
        self.save(drive, "booted@q35-7.2.22", "probe@q35-7.2.22")
        assert saved_states.discard_misfits([drive], "booted", "10.0.13") == ["booted@q35-7.2.22"]
        assert self.names(drive) == ["probe@q35-7.2.22"]

    def test_where_there_is_none_nothing_is_done(self, drive: Drive, tmp_path: Path) -> None:
        assert (
            saved_states.discard_misfits(
                [drive, Drive("vol-2", tmp_path / "missing.qcow2")], "booted", "10.0.13"
            )
            == []
        )
