"""Two image tests at once (pytest-xdist's --numprocesses=2 --dist=loadgroup), and those that others would
notice alone.

A test that asks for the fixture ``alone`` restarts services, uses up the machine, or compares it before and
after: no other test runs meanwhile, and it comes after those that can share the machine. Tests of one
notebook, its user and their neighbour stay together, as do tests of the hub without them, so that one server
of each is enough. A file of tests that would notice each other says so (``pytestmark =
pytest.mark.xdist_group(...)``).
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ALONE = "alone"
# by the fixture that is asked for
_GROUPS = {"notebook": "notebook", "person": "notebook", "neighbour": "notebook", "hub": "hub"}


def _asked(item: pytest.Item) -> list[str]:
    return list(getattr(item, "fixturenames", ()))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, object, object]:
    """Form the groups, which pytest-xdist reads in this hook, and put what wants to be alone behind
    everything pytest has sorted.
    """
    for item in items:
        group = next((group for fixture, group in _GROUPS.items() if fixture in _asked(item)), None)
        if group and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(group))
    result = yield
    items.sort(key=lambda item: ALONE in _asked(item))
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Hold the machine from the first fixture to the last clean-up."""
    with _holding(item.config.option.ssh_config, exclusively=ALONE in _asked(item)):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """pytest-xdist writes the group into a test's name; the JUnit file is to have the name alone."""
    if hasattr(report, "node"):  # of a worker, and at the one who writes the file
        report.nodeid = re.sub(r"@[\w-]+$", "", report.nodeid)


@contextmanager
def _holding(ssh_config: str | None, *, exclusively: bool) -> Iterator[None]:
    """The file that says how the machine is reached stands for it: all who test it in this run share it."""
    if not ssh_config:  # somebody's own pytest, of one process
        yield
        return
    with Path(ssh_config).open() as machine:
        fcntl.flock(machine, fcntl.LOCK_EX if exclusively else fcntl.LOCK_SH)
        yield
