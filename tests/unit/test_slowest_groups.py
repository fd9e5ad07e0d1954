"""A run ends with the files that took longest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).parents[2]


def test_a_run_ends_with_its_slowest_groups(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_terminal_summary\n")
    (tmp_path / "test_slow.py").write_text(
        "import time\ndef test_one(): time.sleep(0.6)\ndef test_two(): time.sleep(0.6)\n"
    )
    (tmp_path / "test_quick.py").write_text("def test_it(): pass\n")
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
    assert "slowest groups" in done.stdout
    (row,) = [line for line in done.stdout.splitlines() if line.endswith(".py")]
    assert row.split()[1:] == ["s", "test_slow.py"]
    assert float(row.split()[0]) >= 1.2
