"""KVM is used only when a kernel was seen to end under it.

A script on PATH stands for a QEMU on hosts of every kind.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcloud.machine import kvm_probe
from localcloud.machine.kvm_probe import accelerator


@dataclass(frozen=True)
class Host:
    """A host with /dev/kvm, a kernel in /boot and a scripted QEMU; calls has a line for every boot."""

    folder: Path

    def qemu(self, script: str, version: str = "QEMU emulator version 7.2") -> None:
        program = self.folder / "bin" / "qemu-system-x86_64"
        program.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && {{ echo "{version}"; exit 0; }}\necho "$@" >> '
            f"{self.folder}/calls\n{script}\n"
        )
        program.chmod(0o755)

    @property
    def boots(self) -> int:
        calls = self.folder / "calls"
        return len(calls.read_text().splitlines()) if calls.exists() else 0

    @property
    def memory(self) -> Path:
        return self.folder / "cache" / "kvm.json"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    for name in ("bin", "boot", "cache/base"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "kvm").touch()
    (tmp_path / "boot" / "vmlinuz-6.1").touch()
    monkeypatch.setattr(kvm_probe, "_DEVICE", tmp_path / "kvm")
    monkeypatch.setattr(kvm_probe, "_BOOT", tmp_path / "boot")
    monkeypatch.setattr(kvm_probe, "PROBE_TIMEOUT_S", 1.0)
    monkeypatch.setenv("HUBSMITH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    found = Host(tmp_path)
    found.qemu("exit 0")
    return found


def test_a_kernel_that_ends_means_kvm_and_is_asked_once(host: Host) -> None:
    assert [accelerator(), accelerator()] == ["kvm", "kvm"]
    assert host.boots == 1
    assert f"-kernel {host.folder}/boot/vmlinuz-6.1" in (host.folder / "calls").read_text()


def test_who_waits_is_told_while_it_is_not_known(host: Host) -> None:
    assert kvm_probe.is_to_be_tried()
    accelerator()
    assert not kvm_probe.is_to_be_tried()
    host.memory.unlink()
    (host.folder / "kvm").unlink()
    assert not kvm_probe.is_to_be_tried()


def test_a_kernel_that_hangs_means_tcg_within_the_limit(host: Host) -> None:
    host.qemu("exec sleep 60")
    before = time.monotonic()
    assert accelerator() == "tcg"
    assert time.monotonic() - before < 5
    assert accelerator() == "tcg"
    assert host.boots == 1


def test_a_qemu_that_fails_means_tcg(host: Host) -> None:
    host.qemu("echo 'failed to set MSR 0x10a' >&2; exit 1")
    assert accelerator() == "tcg"


def test_without_the_device_nothing_is_tried(host: Host) -> None:
    (host.folder / "kvm").unlink()
    assert accelerator() == "tcg"
    assert host.boots == 0
    assert not host.memory.exists()


def test_another_qemu_is_asked_anew(host: Host) -> None:
    host.qemu("exit 1")
    assert accelerator() == "tcg"
    host.qemu("exit 0", version="QEMU emulator version 10.0")
    assert accelerator() == "kvm"
    assert list(json.loads(host.memory.read_text()).values()) == ["kvm"]


def test_without_a_kernel_the_question_stays_open(host: Host) -> None:
    (host.folder / "boot" / "vmlinuz-6.1").unlink()
    assert accelerator() == "tcg"
    assert not host.memory.exists()
    (host.folder / "boot" / "vmlinuz-6.1").touch()
    assert accelerator() == "kvm"


def test_a_damaged_memory_is_asked_anew(host: Host) -> None:
    host.memory.write_text("{")
    assert accelerator() == "kvm"


def test_without_qemu_there_is_nothing_to_ask(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(host.folder / "empty"))
    assert accelerator() == "tcg"
    assert not host.memory.exists()


def test_remembered_is_instant(host: Host) -> None:
    accelerator()
    before = time.perf_counter()
    accelerator()
    assert time.perf_counter() - before < 0.05
