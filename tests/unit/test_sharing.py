"""A run of several processes: a file's tests stay together, so that what they share is made once, and only one process bakes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).parents[2]
FILES = ("tests/unit/test_tables.py", "tests/unit/test_report.py", "tests/unit/test_pipeline.py")


def test_a_file_is_run_by_one_process() -> None:
    command = [sys.executable, "-m", "pytest", "-v", "--numprocesses=2", "--dist=loadgroup", *FILES]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    seen = set(re.findall(r"^\[(gw\d)\] .*PASSED (tests/unit/\w+\.py)", done.stdout, re.MULTILINE))
    assert sorted(file for _, file in seen) == sorted(FILES)
    assert not re.search(r"PASSED .*@", done.stdout), "names are those of a run of one process"
    assert {process for process, _ in seen} == {"gw0", "gw1"}
