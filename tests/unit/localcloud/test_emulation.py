"""Processors that are emulated have a thread each, and no machine has two at work while it sets its devices up."""

from __future__ import annotations

from pathlib import Path

import pytest

from build.localcloud.base_image import debian, disk, tiny
from build.localcloud.qemu import emulation


@pytest.mark.parametrize("says", ["QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)", "QEMU emulator version 10.0.3"])
def test_each_processor_has_a_thread(says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "qemu-system-x86_64"
    program.write_text(f"#!/bin/sh\necho '{says}'\necho 'Copyright (c) 2003-2022 Fabrice Bellard 99.9'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(emulation.os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**21}.__getitem__)
    assert emulation.version() == says
    assert emulation.accel_option() == "tcg,thread=multi,tb-size=512"


@pytest.mark.parametrize(("memory_gib", "mib"), [(2, 256), (4, 256), (8, 512), (16, 1024), (64, 1024)])
def test_translated_code_may_take_a_small_part_of_the_memory(memory_gib: int, mib: int) -> None:
    assert emulation.translations_mib(memory_gib * 2**30) == mib


def test_without_qemu_there_is_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert emulation.version() == ""


def test_base_images_boot_with_one_processor() -> None:
    layout = disk.Layout(size_mib=8192, esp_mib=256, esp_folder="boot/efi")
    assert b" maxcpus=1" in debian.guest_files(layout, [], {}, [])["etc/kernel/cmdline"].content
    assert tiny.COMMAND_LINE.endswith(" maxcpus=1")
