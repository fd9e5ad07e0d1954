"""Who builds on AWS installs requirements.txt alone, who has a local cloud localcloud/requirements.txt too,
developers the third.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

from tests.conftest import REPO

# Looked for only by `invoke lock` of a conda distribution, which says so (docs/howto/packages-and-lock.md).
_OPTIONAL = {"py-rattler"}

IMPORT_ALL = """\
import importlib, pathlib, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

folders, hidden = sys.argv[1].split(), set(sys.argv[2:])
sys.meta_path.insert(0, Missing())
sys.path[:0] = [".", "tests/image"]
files = [file for folder in folders for file in pathlib.Path(folder).rglob("*.py")]
files += [*pathlib.Path("tests/image").glob("*_client.py"), pathlib.Path("tasks.py")]
for file in files:
    name = file.with_suffix("").as_posix()
    importlib.import_module(name.removeprefix("tests/image/").removesuffix("/__init__").replace("/", "."))
print(len(files))
"""


def pinned(file: str) -> set[str]:
    """Names of the distributions in a requirements file, as packaging normalizes them."""
    lines = (REPO / file).read_text(encoding="utf-8").splitlines()
    return {
        re.sub(r"[-_.]+", "-", line.partition("==")[0].partition("[")[0]).lower()
        for line in lines
        if re.match(r"[\w.\[\],-]+==", line)
    }


def only_in(file: str, *others: str) -> list[str]:
    """Modules whose distributions are all in one requirements file alone."""
    extra = pinned(file) - set().union(*map(pinned, others)) - _OPTIONAL
    owners = {
        module: {re.sub(r"[-_.]+", "-", name).lower() for name in names}
        for module, names in packages_distributions().items()
    }
    return sorted(module for module, names in owners.items() if names <= extra)


def import_without(hidden: list[str], folders: str) -> int:
    """How many modules of the folders could be imported: all, or the test fails."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, folders, *hidden],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout.splitlines()[-1])


def test_the_product_imports_nothing_of_the_developers() -> None:
    hidden = only_in("requirements-dev.txt", "requirements.txt", "localcloud/requirements.txt")
    assert {"hypothesis", "cfnlint", "certbot"} <= set(hidden)
    assert import_without(hidden, "build localcloud") > 200


def test_who_builds_on_aws_alone_needs_nothing_of_the_local_cloud() -> None:
    hidden = only_in("localcloud/requirements.txt", "requirements.txt")
    assert {"moto", "flask", "qemu", "dnslib", "trustme"} <= set(hidden)
    assert import_without(hidden, "build") > 100


@pytest.mark.parametrize(
    "file",
    ["requirements.txt", "localcloud/requirements.txt", "requirements-dev.txt", "docs/requirements.txt"],
)
def test_every_pin_has_its_hashes_and_no_host_is_named(file: str) -> None:
    text = (REPO / file).read_text(encoding="utf-8")
    pins = [
        line for line in text.replace("\\\n", " ").splitlines() if line and not line.lstrip().startswith("#")
    ]
    assert len(pins) > 10
    assert [pin for pin in pins if not ("==" in pin and "--hash=sha256:" in pin)] == []
    assert "://" not in text
