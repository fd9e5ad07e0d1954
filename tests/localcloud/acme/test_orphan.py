"""A Pebble whose server was killed is ended by the next one; a stranger who has its number by now is not."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.acme.pebble import end_orphan


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    folder = tmp_path / "acme"
    folder.mkdir()
    return folder


@pytest.fixture
def sleeper(acme: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)", *[str(acme / name) for name in request.param]]
    )
    # for a moment a new program has no arguments yet
    while not Path(f"/proc/{process.pid}/cmdline").read_bytes():
        time.sleep(0.01)
    (acme / "pebble.pid").write_text(str(process.pid))
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("sleeper", [["pebble.json"]], indirect=True)
def test_an_orphan_is_ended(acme: Path, sleeper: subprocess.Popen[bytes]) -> None:
    end_orphan(acme.parent)
    assert sleeper.wait(5) == -9
    assert not (acme / "pebble.pid").exists()


@pytest.mark.parametrize("sleeper", [[]], indirect=True)
def test_a_stranger_is_left_alone(acme: Path, sleeper: subprocess.Popen[bytes]) -> None:
    end_orphan(acme.parent)
    with pytest.raises(subprocess.TimeoutExpired):
        sleeper.wait(0.3)
    assert not (acme / "pebble.pid").exists()


def test_no_orphan_is_no_error(acme: Path) -> None:
    end_orphan(acme.parent)
    (acme / "pebble.pid").write_text("rubbish")
    end_orphan(acme.parent)
