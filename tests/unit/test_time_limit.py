"""A run that takes long leaves out tests that boot machines, and says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

REPO = Path(__file__).parents[2]
_TESTS = """
    import pytest, time

    def test_first(): time.sleep(0.7)
    @pytest.mark.vm
    def test_of_a_machine(): pass
    @pytest.mark.vm
    @pytest.mark.bake
    def test_of_the_build(): pass
    def test_last(): pass
"""


def run(folder: Path, *options: str) -> str:
    (folder / "test_it.py").write_text(dedent(_TESTS))
    environment = {name: value for name, value in os.environ.items() if name != "HUBSMITH_TESTS_BEGAN"}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", "/dev/null", "-p", "no:cacheprovider"),
            *("-p", "tests.time_limit", "-W", "ignore", *options),
        ],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(REPO)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("processes", ["0", "1"])
def test_what_comes_too_late_is_left_out_and_named(tmp_path: Path, processes: str) -> None:
    said = run(tmp_path, "--minutes=0.01", "--numprocesses", processes)
    assert "3 passed, 1 skipped" in said
    named = [line for line in said.partition("not run: ")[2].splitlines() if "::" in line]
    assert named == ["test_it.py::test_of_a_machine"]


@pytest.mark.parametrize("options", [["--minutes=0"], []])
def test_nothing_is_left_out_without_a_limit_or_in_time(tmp_path: Path, options: list[str]) -> None:
    said = run(tmp_path, "--numprocesses=0", *options)
    assert "4 passed" in said
    assert "not run" not in said
