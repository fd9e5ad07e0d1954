"""What a machine lacks: `cloud.doctor` tells, `make` installs it or prints the one line to run."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from invoke import Context, Exit

from build.commands import cloud
from build.errors import UserError
from localcloud import doctor, host_packages
from localcloud.machine import kvm_probe
from localcloud.machine.qemu import program
from localcloud.machine.qemu.program import Program
from localcloud.server import control

INSTALL = Path(host_packages.__file__).with_name("install-host-packages.sh")
TABLE = (
    "# a comment\nqemu-utils | no-such-command-here | keeps their volumes\ndash | sh | runs scripts\nlibc "
    "| /no/such/file | is there\n"
)


@pytest.fixture
def lacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two packages are missing, KVM does not work, ports below 1024 are root's; an ordinary user."""
    table = tmp_path / "host_packages.txt"
    table.write_text(TABLE)
    ports = tmp_path / "ip_unprivileged_port_start"
    ports.write_text("1024\n")
    monkeypatch.setattr(host_packages, "TABLE", table)
    monkeypatch.setattr(doctor, "PORT_START", ports)
    monkeypatch.setattr(doctor, "_has_capability", lambda _: False)
    monkeypatch.setattr(kvm_probe, "accelerator", lambda: "tcg")
    monkeypatch.setattr(
        program, "of_the_system", lambda: Program((program.NAME,), "QEMU emulator version 7.2.22 (Debian)")
    )
    monkeypatch.setenv("HUBSMITH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return table


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    with pytest.raises(Exit) as ended:
        cloud.doctor(Context())
    assert ended.value.code == 1
    rows = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    return {name: [mark, *rest] for mark, name, *rest in rows}


def test_doctor_says_what_is_missing_what_for_and_the_line_that_mends_it(
    lacking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = told(capsys)
    line = "sudo apt-get update && sudo apt-get install --no-install-recommends qemu-utils"
    assert rows["qemu-utils"] == ["MISSING", "missing", "keeps their volumes", line]
    assert rows["libc"][0] == "MISSING"
    assert rows["dash"] == ["ok", "installed", "runs scripts", ""]


def test_doctor_has_the_one_line_for_ports_and_says_how_kvm_is(
    lacking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = told(capsys)
    line = "net.ipv4.ip_unprivileged_port_start=22"
    assert rows["low ports"][0] == "MISSING"
    assert rows["low ports"][-1] == (
        f"echo {line} | sudo tee /etc/sysctl.d/60-hubsmith.conf && sudo sysctl -p "
        "/etc/sysctl.d/60-hubsmith.conf"
    )
    assert rows["kvm"][:2] == ["ok", "KVM does not work here: machines are emulated, several times slower"]
    assert "GiB free in" in rows["disk (state)"][1]


def test_doctor_names_the_qemu_what_is_wrong_with_it_and_what_mends_it(
    lacking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark, found, _, remedy = told(capsys)["qemu"]
    assert mark == "MISSING"
    assert found == "QEMU 7.2.22 is older than 10.0.13; it may emulate machines much more slowly"
    assert remedy.startswith("invoke cloud.up")


def test_doctor_is_content_with_the_qemu_in_the_cache(
    lacking: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        program, "cached", lambda: Program(("loader", "qemu"), "QEMU emulator version 10.0.13 (Debian)")
    )
    mark, found, *_ = told(capsys)["qemu"]
    assert (mark, found) == ("ok", f"10.0.13, Debian 13's, in {program.cache_folder()}")


def test_a_full_disk_names_the_variable_that_moves_the_folder(
    lacking: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "NEEDED_DISK_GIB", 10**9)
    row = told(capsys)["disk (cache)"]
    assert row[0] == "MISSING"
    assert "HUBSMITH_CACHE" in row[-1]


def test_nothing_is_wrong_with_a_machine_that_has_it_all(
    lacking: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking.write_text("dash | sh | runs scripts\n")
    monkeypatch.setattr(
        program, "of_the_system", lambda: Program((program.NAME,), "QEMU emulator version 10.0.13 (Debian)")
    )
    doctor.PORT_START.write_text("22\n")
    checks = [check for check in doctor.examine() if check.name != "subuid"]  # this user may have no range
    assert [check.name for check in checks if not check.ok] == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "examine", lambda: checks)
        cloud.doctor(Context(), json=True)
    assert {check["name"] for check in json.loads(capsys.readouterr().out)} >= {"dash", "kvm", "memory"}


def install(folder: Path, *, user: str, sudo: str | None = None) -> tuple[int, str, str]:
    """Status, what was said, and which commands would have been run; on a system of scripts."""
    calls = folder / "calls"
    tools = {"id": f"echo {user}", "apt-get": f'echo "apt-get $*" >> {calls}', "sysctl": "true"}
    if sudo is not None:
        tools["sudo"] = sudo
    for name, script in tools.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    for name in ("sh", "cat", "dirname", "python3", "printf"):
        (folder / name).symlink_to(Path("/usr/bin", name))
    done = subprocess.run(
        ["/bin/sh", INSTALL, folder / "host_packages.txt"],
        env={"PATH": str(folder)}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr, calls.read_text() if calls.exists() else ""


def test_root_installs_what_is_missing_and_nothing_else(lacking: Path, tmp_path: Path) -> None:
    status, _, calls = install(tmp_path, user="0")
    assert status == 0
    assert calls == "apt-get update -q\napt-get install -q -y --no-install-recommends qemu-utils libc\n"


@pytest.mark.parametrize("sudo", [None, "exit 1"], ids=["without sudo", "sudo asks"])
def test_who_may_not_is_told_the_one_line(lacking: Path, tmp_path: Path, sudo: str | None) -> None:
    status, said, calls = install(tmp_path, user="1000", sudo=sudo)
    assert (status, calls) == (1, "")
    assert "    sudo apt-get update && sudo apt-get install --no-install-recommends qemu-utils libc" in said


def test_where_all_is_there_nothing_happens(lacking: Path, tmp_path: Path) -> None:
    lacking.write_text("dash | sh | runs scripts\n")
    assert install(tmp_path, user="0") == (0, "", "")


def test_without_its_libraries_the_local_cloud_says_which_command_installs_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "LIBRARIES", ("json", "no_such_library"))
    assert doctor.libraries().detail == "missing: no_such_library"
    with pytest.raises(
        UserError, match=r"^the local cloud's libraries are missing: no_such_library$"
    ) as caught:
        control.ensure_up(tmp_path)
    assert caught.value.hint == "run `make setup`; --cloud aws needs none of them"
