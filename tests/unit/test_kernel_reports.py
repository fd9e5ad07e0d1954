"""A failed test quotes the kernel faults on the consoles of its machines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import kernel_reports
from tests.consoles import FOLDER, PANIC

REPO = Path(__file__).parents[2]


@pytest.mark.parametrize("place", ["machines0/i-1", "cloud0/cloud/machines/i-1"])
def test_a_panic_is_quoted_with_the_machine(tmp_path: Path, place: str) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True)
    (folder / "console.log").write_bytes((FOLDER / "debian-13-int3.txt").read_bytes())
    assert kernel_reports.found_below(tmp_path, 0).startswith(f"i-1: {PANIC}")


def test_a_machine_is_quoted_once_however_many_links_lead_to_it(tmp_path: Path) -> None:
    (tmp_path / "cloud0" / "i-1").mkdir(parents=True)
    (tmp_path / "cloudcurrent").symlink_to("cloud0")
    (tmp_path / "cloud0" / "i-1" / "console.log").write_bytes((FOLDER / "debian-13-int3.txt").read_bytes())
    assert len(kernel_reports.found_below(tmp_path, 0).splitlines()) == 1


def test_a_machine_that_ended_before_the_test_began_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "i-1").mkdir()
    console, pid = tmp_path / "i-1" / "console.log", tmp_path / "i-1" / "pid"
    console.write_bytes((FOLDER / "debian-13-int3.txt").read_bytes())
    os.utime(console, (1000, 1000))
    assert kernel_reports.found_below(tmp_path, 999) != ""
    assert kernel_reports.found_below(tmp_path, 1001) == ""
    command = ["sh", "-c", "echo runs; read line", str(pid)]  # names its pid file, as QEMU does
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"runs\n", "before, its command line may be empty"
        pid.write_text(f"{process.pid}\n")
        assert kernel_reports.found_below(tmp_path, 1001) != "", (
            "it runs, and its kernel panicked in an earlier test"
        )
    assert kernel_reports.found_below(tmp_path, 1001) == "", "it was killed, and left its pid file"


def test_a_console_without_faults_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "i-1").mkdir()
    (tmp_path / "i-1" / "console.log").write_bytes((FOLDER / "no-faults.txt").read_bytes())
    assert kernel_reports.found_below(tmp_path, 0) == ""


def test_the_report_of_a_failed_test_has_it(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from tests.conftest import pytest_runtest_makereport, pytest_runtest_setup\n"
    )
    (tmp_path / "test_it.py").write_text(
        "import shutil\n"
        "def test_it(tmp_path):\n"
        "    (tmp_path / 'i-1').mkdir()\n"
        f"    shutil.copy({str(FOLDER / 'debian-13-int3.txt')!r}, tmp_path / 'i-1' / 'console.log')\n"
        "    assert False\n"
        "def test_another(tmp_path): pass\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-c",
        "/dev/null",
        f"--rootdir={tmp_path}",
        "-o",
        f"pythonpath={REPO}",
    ]
    done = subprocess.run(
        [*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "1 failed, 1 passed" in done.stdout
    assert kernel_reports.TITLE in done.stdout
    assert f"i-1: {PANIC}" in done.stdout
