"""Users install requirements.txt alone: nothing of the product may need what only developers have."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

from tests.conftest import REPO

# Looked for only by `invoke lock` of a conda distribution, which says so (README, "The lock").
_OPTIONAL = {"py-rattler"}

IMPORT_ALL = """\
import importlib, pathlib, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

hidden = set(sys.argv[1:])
sys.meta_path.insert(0, Missing())
sys.path[:0] = [".", "tests/image"]
files = [*pathlib.Path("build").rglob("*.py"), *pathlib.Path("tests/image").glob("*_client.py"), pathlib.Path("tasks.py")]
for file in files:
    name = file.with_suffix("").as_posix()
    importlib.import_module(name.removeprefix("tests/image/").removesuffix("/__init__").replace("/", "."))
print(len(files))
"""


def pinned(file: str) -> set[str]:
    """Names of the distributions in a requirements file, as packaging normalizes them."""
    lines = (REPO / file).read_text(encoding="utf-8").splitlines()
    return {
        re.sub(r"[-_.]+", "-", line.partition("==")[0].partition("[")[0]).lower() for line in lines if re.match(r"[\w.\[\],-]+==", line)
    }


def only_for_developers() -> list[str]:
    """Modules whose distributions are all in requirements-dev.txt alone."""
    extra = pinned("requirements-dev.txt") - pinned("requirements.txt") - _OPTIONAL
    owners = {module: {re.sub(r"[-_.]+", "-", name).lower() for name in names} for module, names in packages_distributions().items()}
    return sorted(module for module, names in owners.items() if names <= extra)


def test_the_product_imports_nothing_of_the_developers() -> None:
    hidden = only_for_developers()
    assert {"hypothesis", "cfnlint", "certbot"} <= set(hidden)
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL, *hidden], cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.splitlines()[-1]) > 200


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_pin_has_its_hashes_and_no_host_is_named(file: str) -> None:
    text = (REPO / file).read_text(encoding="utf-8")
    pins = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.lstrip().startswith("#")]
    assert len(pins) > 10
    assert [pin for pin in pins if not ("==" in pin and "--hash=sha256:" in pin)] == []
    assert "://" not in text
