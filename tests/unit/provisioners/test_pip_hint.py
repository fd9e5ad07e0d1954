"""pip in the shared environment says what to do instead, where its user may not install.

A real pip runs in a virtual environment that it may not write to.
"""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

HINTS = Path(__file__).parents[3] / "provisioners/python/files/usr/lib/hubsmith/python/hints"
# Root writes everywhere, unless it gives up this capability.
UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with pip and the hints, and a wheel beside it; not writable for who runs pip."""
    folder = tmp_path_factory.mktemp("shared")
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    (packages,) = (folder / "env/lib").glob("python3*/site-packages")
    for hint in HINTS.iterdir():
        shutil.copy(hint, packages)
    with zipfile.ZipFile(folder / "probe-1.0-py3-none-any.whl", "w") as wheel:
        info = "probe-1.0.dist-info/"
        wheel.writestr("probe.py", "")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: probe\nVersion: 1.0\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(info + "RECORD", "")
    return folder


@pytest.fixture
def pip(shared: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`python -m pip` as somebody who may not write there."""
    (packages,) = (shared / "env/lib").glob("python3*/site-packages")

    def run(*arguments: str, shut: bool = True) -> subprocess.CompletedProcess[str]:
        packages.chmod(0o555 if shut else 0o755)
        python = [*UNPRIVILEGED, str(shared / "env/bin/python")]
        return subprocess.run(
            [*python, "-m", "pip", *arguments, "--no-cache-dir", "--no-index"],
            env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize("options", [(), ("--user",)], ids=["usual", "user"])
def test_who_may_not_install_is_told_what_to_do(
    shared: Path, pip: Callable[..., subprocess.CompletedProcess[str]], options: tuple[str, ...]
) -> None:
    """https://github.com/jupyterhub/jupyterhub/issues/3655"""
    done = pip("install", *options, str(shared / "probe-1.0-py3-none-any.whl"))
    assert done.returncode == 1
    (told,) = [line for line in done.stderr.splitlines() if "ERROR" in line]
    assert told.endswith("create-kernel NAME")
    assert "Permission denied" not in done.stderr


def test_what_is_there_already_is_no_mistake(
    pip: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = pip("install", "pip")
    assert done.returncode == 0
    assert "create-kernel" not in done.stderr


def test_another_mistake_is_told_as_it_is(pip: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = pip("install", "no-such-package")
    assert "No matching distribution" in done.stderr
    assert "create-kernel" not in done.stderr


def test_who_may_install_does(shared: Path, pip: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = pip("install", str(shared / "probe-1.0-py3-none-any.whl"), shut=False)
    assert done.returncode == 0, done.stderr


def test_of_another_environment_nothing_is_said_of_what_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """create-kernel has what is in /opt/anaconda, and not what is in one of its envs/."""
    hint = runpy.run_path(str(HINTS / "hubsmith_hints.py"))["_hint"]
    monkeypatch.setattr(sys, "prefix", "/opt/anaconda")
    assert "with all that is in this one: create-kernel NAME" in hint()
    monkeypatch.setattr(sys, "prefix", "/opt/anaconda/envs/course")
    assert "with all" not in hint()
    assert hint().endswith("create-kernel NAME")
