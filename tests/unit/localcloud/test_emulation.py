"""Processors that are emulated take turns in one thread, whatever QEMU is there; tests/cloud/test_emulation.py shows what is lost else."""

from __future__ import annotations

from pathlib import Path

import pytest

from build.localcloud.qemu import emulation


@pytest.mark.parametrize("says", ["QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)", "QEMU emulator version 10.0.3"])
def test_processors_share_a_thread(says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "qemu-system-x86_64"
    program.write_text(f"#!/bin/sh\necho '{says}'\necho 'Copyright (c) 2003-2022 Fabrice Bellard 99.9'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert emulation.version() == says
    assert emulation.accel_option() == "tcg,thread=single,tb-size=256"


def test_without_qemu_there_is_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert emulation.version() == ""
