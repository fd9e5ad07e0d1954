"""A fourth distribution is a file of four functions: the provisioner makes /opt/anaconda of any."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from build.manifest import load
from tests.cloud.distributions.overlay import PREFIX, overlay

REPO = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="lays an overlay over this system's files, which needs root"
)
FOURTH = """\
# shellcheck shell=bash disable=SC2154
describe_environment() { echo fourth; }
create_environment() { /usr/bin/python3 -m venv --without-pip "$prefix"; }
install_packages() { (cd "$prefix"/lib/python3*/site-packages && echo 'print("of the fourth")' > fourth.py); }
finish_environment() { true; }
"""


def test_it_is_described_made_compiled_and_nobody_elses(tmp_path: Path) -> None:
    chosen = load(REPO / "manifest.yaml", cloud="local")
    shipped = next(use for use in chosen.provisioners if use.name == "python")
    shutil.copytree(shipped.folder, tmp_path / "python")
    (tmp_path / "python/files/usr/lib/hubsmith/python/fourth.sh").write_text(FOURTH)
    fourth = replace(shipped, folder=tmp_path / "python", values={**shipped.values, "distribution": "fourth"})
    chosen = replace(
        chosen, provisioners=tuple(fourth if use is shipped else use for use in chosen.provisioners)
    )
    with overlay(tmp_path / "overlay") as root:
        root.lay(chosen, "base")
        made = root.provision(chosen, "python", "http://127.0.0.1:9")
        assert made.status == 0, made.said
        root.run("useradd --key UID_MIN=2000 --create-home --shell /bin/bash ada")
        root.run("useradd --key UID_MIN=2000 --create-home --shell /bin/bash --groups anaconda admin")
        assert root.as_user("ada", "python -m fourth").said == "of the fourth"
        assert root.run(f"ls {PREFIX}/lib/python3*/site-packages/__pycache__/fourth.*.pyc").status == 0
        assert root.as_user("ada", f"touch {PREFIX}/bin/mine").status != 0
        assert root.as_user("admin", f"touch {PREFIX}/bin/ours").status == 0
        assert root.provision(chosen, "python", "http://127.0.0.1:9").said == f"{PREFIX} is as it should be"
