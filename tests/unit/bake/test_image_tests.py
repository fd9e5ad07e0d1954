"""A run of the image tests, and its time limit."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import pytest

from build.bake import image_tests
from build.errors import HubsmithError
from build.manifest import Manifest
from build.remote import ssh_config
from build.report.reporter import Reporter


def following(program: str, minutes: float) -> int:
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        return image_tests._follow(process, minutes, Reporter(quiet=True))


SILENT = "import time; time.sleep(60)"
TALKING = "import time\nwhile True: print('.', flush=True); time.sleep(0.01)"


@pytest.mark.parametrize("program", [SILENT, TALKING], ids=["silent", "talking"])
def test_the_limit_holds_whatever_they_say(program: str) -> None:
    began = time.monotonic()
    with pytest.raises(HubsmithError, match=r"took longer than 0\.01 min") as caught:
        following(program, 0.01)
    assert time.monotonic() - began < 30
    assert "tests.timeout_minutes" in str(caught.value.hint)


def test_in_time_it_is_pytests_own_status() -> None:
    assert following("import sys; print('1 failed'); sys.exit(1)", 1) == 1


def test_a_pytest_that_wrote_no_results_could_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a plugin cannot be imported: its status is that of a run with failures."""
    monkeypatch.setattr(image_tests, "_pytest", lambda *_: 1)
    monkeypatch.setattr(ssh_config, "share", lambda _: None)
    way = image_tests.SshTarget(tmp_path / "ssh_config", "127.0.0.1")
    manifest = cast(Manifest, None)  # of which only the real _pytest knows anything
    with pytest.raises(HubsmithError, match="could not run: pytest ended with status 1") as caught:
        image_tests.run_with_config([way], manifest, [], "builder", tmp_path, Reporter(quiet=True))
    assert str(tmp_path) in str(caught.value.hint)
