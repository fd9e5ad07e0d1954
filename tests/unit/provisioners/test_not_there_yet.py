"""Which of a lock's packages pip still has to bring, when conda or an installer has brought some."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "provisioners/python/files/usr/lib/hubsmith/python/not-there-yet"
LOCK = """\
jupyterhub==6.1.1 \\
    --hash=sha256:aa
New.One==1.0 ; python_full_version < '3.12' \\
    --hash=sha256:bb \\
    --hash=sha256:cc
there==2.0 \\
    --hash=sha256:dd
also-there==2.0 \\
    --hash=sha256:ee
at-an-address @ https://mirror.test/a-1.whl \\
    --hash=sha256:ff
"""


def names(*arguments: str, packages: str = "", here: Path) -> list[str]:
    """Of the entries it prints."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *arguments],
        env={**os.environ, "PYTHONPATH": str(here), "PACKAGES": packages},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")]


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    for name, version in (("jupyterhub", "6.0.0"), ("there", "1.0"), ("Also_There", "2.0")):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (tmp_path / "lock.txt").write_text(LOCK)
    return tmp_path / "lock.txt"


def test_what_is_there_stays_unless_it_is_asked_for_by_name(lock: Path) -> None:
    here = lock.parent
    always = ["jupyterhub==6.1.1", "New.One==1.0", "at-an-address"]
    assert names("--locked", str(lock), here=here) == always
    assert names("--locked", str(lock), packages="There[all]>1\nalso.there", here=here) == [
        *always[:2],
        "there==2.0",
        always[2],
    ]


def test_entries_keep_their_markers_and_hashes(lock: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--locked", str(lock)],
        env={**os.environ, "PACKAGES": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (
        "New.One==1.0 ; python_full_version < '3.12' \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
        in done.stdout
    )


def test_our_own_pins_are_limits_for_what_is_not_there(lock: Path) -> None:
    assert names(str(lock), "", here=lock.parent)[0] == "New.One==1.0"
    assert "there==2.0" not in names(str(lock), "", here=lock.parent)
