"""A run's failures are printed as they happen, each cause once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

REPO = Path(__file__).parents[2]
_TESTS = """
    import os
    import time
    from pathlib import Path
    import pytest

    @pytest.fixture(scope="session")
    def image():
        raise RuntimeError("nothing was built: " + "x" * 900 + " the disk is full")

    def test_one(image): ...
    def test_two(image): ...
    def test_three(): assert 1 == 2

    def test_four():
        deadline = time.monotonic() + 30
        while "::test_three" not in Path("said").read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(os.PRINTER, 9)  # as from outside: no summary
"""


@pytest.mark.parametrize("processes", ["0", "1"])
def test_what_failed_is_told_though_the_run_is_ended(tmp_path: Path, processes: str) -> None:
    printer = "getpid()" if processes == "0" else "getppid()"
    (tmp_path / "test_it.py").write_text(dedent(_TESTS).replace("PRINTER", printer))
    with (tmp_path / "said").open("w") as said:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-c", "/dev/null", "-p", "no:cacheprovider"),
                *("-p", "tests.told_at_once", "--numprocesses", processes),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(REPO)},
            stdout=said,
            check=False,
            timeout=60,
        )
    assert done.returncode == -signal.SIGKILL
    told = [line for line in (tmp_path / "said").read_text().splitlines() if " after the start: " in line]
    assert [line.partition(",")[0] for line in told] == [
        "setup of test_it.py::test_one",
        "call of test_it.py::test_three",
    ]
    assert told[0].endswith("the disk is full")
    assert "assert 1 == 2" in told[1]
