"""What is installed of the shipped lock, when extensions are left out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from build.manifest.schema.contents import Extension

PROVISIONER = Path(__file__).parents[3] / "provisioners/python"
SHARE = PROVISIONER / "files/usr/share/hubsmith/python"
PROGRAM = PROVISIONER / "files/usr/lib/hubsmith/python/chosen-pins"


def chosen(lock: Path, *extensions: str) -> str:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(lock), str(SHARE / "extensions.txt")],
        env={**os.environ, "EXTENSIONS": "\n".join(extensions)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def names(lock: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9.-]+)(?:==| @ )", lock, re.MULTILINE))


def test_all_of_them_are_the_whole_lock() -> None:
    lock = SHARE / "requirements.txt"
    assert chosen(lock, *get_args(Extension)) == lock.read_text()


@pytest.mark.parametrize(
    ("left_out", "gone"),
    [
        ("ipywidgets", {"ipywidgets", "jupyterlab-widgets", "widgetsnbextension"}),
        ("nbgitpuller", {"nbgitpuller"}),
        ("jupyter-resource-usage", {"jupyter-resource-usage"}),
    ],
)
def test_one_goes_with_what_only_it_needs(left_out: str, gone: set[str]) -> None:
    lock = SHARE / "requirements.txt"
    rest = chosen(lock, *(set(get_args(Extension)) - {left_out}))
    assert names(lock.read_text()) - names(rest) == gone
    assert rest.count("--hash") > 500


def test_what_another_package_needs_stays(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(
        "course==1.0 \\\n    --hash=sha256:aa\n    # via -r requirements.in\n"
        "ipywidgets==1.0 \\\n    --hash=sha256:bb\n    # via\n    #   -r requirements.in\n    #   course\n"
        "comm==1.0 \\\n    --hash=sha256:cc\n    # via ipywidgets\n"
        "who-knows==1.0 \\\n    --hash=sha256:dd\n"
    )
    assert chosen(lock) == lock.read_text()


def test_the_manifest_and_the_image_know_the_same() -> None:
    lines = (SHARE / "extensions.txt").read_text().splitlines()
    assert tuple(line for line in lines if not line.startswith("#")) == get_args(Extension)
    assert set(get_args(Extension)) <= set((PROVISIONER / "requirements.in").read_text().splitlines())
