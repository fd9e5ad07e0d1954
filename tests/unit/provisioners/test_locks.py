"""What is installed from a registry is installed by hash, where the registry gives hashes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

PROVISIONERS = Path(__file__).parents[3] / "provisioners"


SCRIPTS = sorted(
    [*PROVISIONERS.glob("*/install.sh"), *PROVISIONERS.glob("*/files/usr/lib/hubsmith/python/*.sh")]
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(PROVISIONERS).as_posix())
def test_what_is_locked_is_installed_by_hash(script: Path) -> None:
    text = script.read_text().replace("\\\n", " ")
    for line in re.findall(r"^.*pip install.*--requirement.*$", text, re.MULTILINE):
        assert "--require-hashes" in line
        assert "--no-deps" in line


@pytest.mark.parametrize(
    "lock", sorted(PROVISIONERS.rglob("requirements.txt")), ids=lambda path: path.parent.name
)
def test_every_locked_package_has_a_hash(lock: Path) -> None:
    text = lock.read_text().replace("\\\n", " ")
    lines = re.findall(r"^[a-z0-9][^#\n]*==.*$", text, re.MULTILINE)
    assert lines
    assert [line for line in lines if "--hash=sha256:" not in line] == []


def test_every_package_of_the_proxy_has_an_integrity() -> None:
    lock = json.loads((PROVISIONERS / "jupyterhub/files/opt/hub/proxy/package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    assert [name for name, package in packages.items() if not package.get("integrity")] == []
