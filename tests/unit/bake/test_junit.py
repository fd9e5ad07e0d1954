"""What a user is told of image tests that failed, from what pytest writes of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from build.bake import junit

TESTS = """
import pytest

@pytest.fixture
def unmade():
    raise OSError("no machine")

def test_page():
    assert "The hub is closed" == "The hub is open"

def test_server(unmade):
    pass

def test_not_here():
    pytest.skip("elsewhere")

def test_fine():
    pass
"""


def test_each_failure_is_told_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "test_hub.py").write_text(TESTS)
    results = tmp_path / "results.xml"
    options = ("-q", "-p", "no:cacheprovider", "-o", "junit_family=xunit1", f"--junit-xml={results}")
    command = [sys.executable, "-m", "pytest", *options, "test_hub.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    summary = junit.read(results)
    assert (summary.passed, summary.failed, summary.skipped) == (1, 2, 1)
    assert summary.told().splitlines() == [
        "  test_hub::test_page",
        "    AssertionError: assert 'The hub is closed' == 'The hub is open'",
        "  test_hub::test_server",
        '    failed on setup with "OSError: no machine"',
    ]
