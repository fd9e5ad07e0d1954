"""The image tests run two at a time: exclusive ones run alone, fixtures are shared, and the JUnit file names
tests as they are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest

IMAGE_TESTS = Path(__file__).parents[3] / "tests" / "image"

CONFTEST = f"""
import json, os, pathlib, sys, time
import pytest
sys.path.insert(0, {str(IMAGE_TESTS)!r})
from exclusive import pytest_collection_modifyitems, pytest_runtest_logreport, pytest_runtest_protocol

@pytest.fixture(scope="session")
def exclusive(): pass

@pytest.fixture(scope="session")
def notebook():
    pathlib.Path("notebooks").open("a").write("one\\n")

@pytest.fixture(scope="module", params=["ssh://instance"])
def backend(request):
    '''As testinfra's host: pytest puts tests of one parameter beside each other.'''

def pytest_collection_finish(session):
    pathlib.Path("order").write_text(" ".join(item.function.__name__ for item in session.items))

@pytest.fixture(autouse=True)
def spent(request):
    began = time.monotonic()
    yield
    with open("spent", "a") as file:
        file.write(json.dumps([request.node.name, began, time.monotonic()]) + "\\n")
"""

TESTS = """
import time
import pytest

def test_restart(exclusive, notebook): time.sleep(0.4)

@pytest.mark.xdist_group("its-own")
def test_full_disk(exclusive): time.sleep(0.4)

def test_hog(exclusive, backend): time.sleep(0.4)

@pytest.mark.parametrize("number", range(4))
def test_look(backend, number): time.sleep(0.4)

@pytest.mark.parametrize("number", range(4))
def test_work(notebook, number): time.sleep(0.4)
"""


@dataclass(frozen=True)
class Spent:
    """When a test began and ended, in seconds of one clock."""

    name: str
    began: float
    ended: float

    def overlaps(self, other: Spent) -> bool:
        return self.began < other.ended and other.began < self.ended


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where such tests have run."""
    here = tmp_path_factory.mktemp("exclusive")
    for name, text in (("conftest.py", CONFTEST), ("test_machine.py", TESTS), ("ssh_config", "")):
        (here / name).write_text(text)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-c",
        os.devnull,
        "--rootdir=.",
        "--import-mode=importlib",
    ]
    command += [
        "--numprocesses=2",
        "--dist=loadgroup",
        "--ssh-config=ssh_config",
        "--junit-xml=tests.xml",
        "-o",
        "junit_family=xunit1",
    ]
    done = subprocess.run(
        [*command, "test_machine.py"], cwd=here, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return here


@pytest.fixture(scope="module")
def spent(folder: Path) -> list[Spent]:
    return [Spent(*json.loads(line)) for line in (folder / "spent").read_text().splitlines()]


def test_who_wants_to_be_exclusive_is_and_comes_last(spent: list[Spent]) -> None:
    exclusive = [
        one for one in spent if one.name.partition("[")[0] in ("test_restart", "test_full_disk", "test_hog")
    ]
    assert len(exclusive) == 3
    assert not [
        (one.name, other.name)
        for one in exclusive
        for other in spent
        if one is not other and one.overlaps(other)
    ]
    assert min(one.began for one in exclusive) >= max(one.ended for one in spent if one not in exclusive)


def test_it_comes_last_also_where_pytest_would_put_it_beside_others_of_its_parameter(folder: Path) -> None:
    order = (folder / "order").read_text().split()
    assert (len(order), order[-3:]) == (11, ["test_restart", "test_full_disk", "test_hog"])


def test_the_others_share_the_machine(spent: list[Spent]) -> None:
    works, looks = (
        [one for one in spent if one.name.startswith(kind)] for kind in ("test_work", "test_look")
    )
    assert any(one.overlaps(other) for one in works for other in looks)


def test_one_notebook_is_enough(folder: Path) -> None:
    assert (folder / "notebooks").read_text().splitlines() == ["one"]


def test_the_junit_file_has_the_names_of_the_tests(folder: Path) -> None:
    names = {str(case.get("name")) for case in ET.parse(folder / "tests.xml").getroot().iter("testcase")}
    of_two = {f"test_look[ssh://instance-{n}]" for n in range(4)} | {f"test_work[{n}]" for n in range(4)}
    assert names == {"test_restart", "test_full_disk", "test_hog[ssh://instance]", *of_two}
