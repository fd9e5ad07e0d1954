"""Hubsmith is part of an image by what it sends to a builder, and not by the text of its source files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import build
from build.bake import layers
from build.bake.inputs import builder_version, inputs
from build.manifest import Manifest, load

REPO = Path(__file__).parents[3]
TINY = REPO / "tests/cloud/tiny/manifest.yaml"
BASE = ("ami-0123456789abcdef0", "debian-13-amd64-20261123-1130")
WORK_ON_A_BUILDER = ("build/bake", "build/remote", "build/manifest", "build/aws")
PROGRAM = """
import json, sys
from pathlib import Path
from build.bake import layers
from build.bake.inputs import inputs
from build.manifest import load
manifest = load(Path(sys.argv[1]), profiles=["layered"])
now = inputs.of(manifest, *sys.argv[2:])
keys = [layers.key_of(now, number) for number in range(len(manifest.provisioners))]
changes = inputs.diff_tags(now, json.load(sys.stdin))
print(json.dumps({"tags": now.tags(), "layers": keys, "changes": changes}))
"""


@dataclass(frozen=True)
class Checkout:
    """A copy of Hubsmith that a test may change. The manifest is the tiny one of this checkout."""

    folder: Path

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        assert old in text, path
        file.write_text(text.replace(old, new), encoding="utf-8")

    def counted(self, image: Mapping[str, str]) -> Any:
        """The tags of an image and its layers' keys as this copy makes them; what changed since ``image``."""
        command = [sys.executable, "-c", PROGRAM, str(TINY), *BASE]
        done = subprocess.run(
            command, cwd=self.folder, input=json.dumps(image), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    shutil.copytree(
        REPO / "build",
        tmp_path / "build",
        ignore=shutil.ignore_patterns("__pycache__", "localcloud", "launch"),
    )
    return Checkout(tmp_path)


@pytest.fixture(scope="module")
def before() -> Any:
    """As this checkout counts."""
    return Checkout(REPO).counted({})


@pytest.fixture
def tiny() -> Manifest:
    return load(TINY, profiles=["layered"])


def test_comments_docstrings_and_names_are_no_change(checkout: Checkout, before: Any) -> None:
    """Of each file at once that has to do with a builder."""
    for room in WORK_ON_A_BUILDER:
        for path in (checkout.folder / room).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            path.write_text(
                re.sub(r'"""(?=[A-Z])', '"""In other words: ', text) + "\n# A comment.\n", encoding="utf-8"
            )
    checkout.edit("build/bake/steps/provision.py", "_install(", "_run_its_script(")
    checkout.edit("build/remote/shell.py", "_as_root(", "_with_sudo(")
    checkout.edit("build/bake/scripts/__init__.py", '"layer.sh"', '"half_way.sh"')
    (checkout.folder / "build/bake/scripts/layer.sh").rename(
        checkout.folder / "build/bake/scripts/half_way.sh"
    )
    (checkout.folder / "build/bake/user_data.py").rename(checkout.folder / "build/bake/told.py")
    checkout.edit("build/bake/inputs/builder_version.py", "user_data", "told")
    assert checkout.counted(before["tags"]) == {**before, "changes": []}


@pytest.mark.parametrize(
    ("path", "old", "new", "said", "layers_stay"),
    [
        (
            "build/bake/scripts/run_install.sh",
            "set -eu",
            "set -e",
            "Hubsmith's script that runs install.sh changed",
            False,
        ),
        (
            "build/bake/scripts/layer.sh",
            "sync\n",
            "sync; sync\n",
            "Hubsmith's script that takes layers changed",
            False,
        ),
        (
            "build/bake/scripts/layer.sh",
            "# A layer is",
            "# It is",
            "Hubsmith's script that takes layers changed",
            False,
        ),
        ("build/bake/user_data.py", "OnActiveSec=", "OnBootSec=", "Hubsmith's user data changed", False),
        ("build/bake/user_data.py", "rm -f /root", "rm -rf /root", "Hubsmith's user data changed", False),
        (
            "build/bake/inputs/builder_version.py",
            '"provision": 1',
            '"provision": 2',
            "Hubsmith's step 'provision' changed",
            False,
        ),
        (
            "build/bake/inputs/builder_version.py",
            '"seal": 1',
            '"seal": 2',
            "Hubsmith's step 'seal' changed",
            True,
        ),
        ("build/bake/scripts/seal.sh", "set -eu", "set -e", "Hubsmith's script that seals changed", True),
        (
            "build/__init__.py",
            f'VERSION = "{build.VERSION}"',
            'VERSION = "9.9.9"',
            f"Hubsmith {build.VERSION} → 9.9.9",
            True,
        ),
    ],
)
def test_what_is_sent_is_one_and_named(
    checkout: Checkout, before: Any, path: str, old: str, new: str, said: str, layers_stay: bool
) -> None:
    checkout.edit(path, old, new)
    after = checkout.counted(before["tags"])
    assert after["changes"] == [said]
    assert (after["layers"] == before["layers"]) is layers_stay


def test_who_logs_in_to_the_base_image_is_part_of_a_layer(tiny: Manifest) -> None:
    assert layers.key_of(inputs.of(tiny, *BASE, "ubuntu"), 0) != layers.key_of(
        inputs.of(tiny, *BASE, "admin"), 0
    )


@pytest.mark.parametrize("named", [builder_version.on_the_builder, builder_version.after_it])
def test_each_has_words(named: Callable[[], dict[str, str]]) -> None:
    assert all(
        (words := builder_version.describe_part(name)) and words.startswith("Hubsmith's ") for name in named()
    )
    assert builder_version.describe_part("provisioners/base/install.sh") is None


def test_the_version_is_that_of_the_project() -> None:
    found = re.search(r'^version = "(.*)"$', (REPO / "pyproject.toml").read_text(), re.MULTILINE)
    assert found
    assert found[1] == build.VERSION
