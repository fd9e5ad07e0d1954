"""A run of all tests ends in time on a slow machine too: after some minutes it begins no further test that
boots machines, but for those of the one build. It names what it left out.

Emulated machines take three times as long on a busy host, and a run that is ended from outside shows nothing.
"""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from tests import xdist_groups

_BEGAN = "HUBSMITH_TESTS_BEGAN"
_MINUTES = 30.0


class TimeLimit:
    """Hooks for each process of a run."""

    def __init__(self, config: pytest.Config) -> None:
        self._left_out: list[str] = []
        self._minutes: float = config.getoption("--minutes")
        # Here, before the other processes of a run are started: they have it too.
        self._began = float(os.environ.setdefault(_BEGAN, str(time.time())))

    @pytest.hookimpl(tryfirst=True)  # before the fixtures
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip what comes too late."""
        of_the_build = item.get_closest_marker("bake")
        if of_the_build or not item.get_closest_marker("vm") or not self._minutes:
            return
        if time.time() - self._began > self._minutes * 60:
            self._left_out.append(item.nodeid)
            pytest.skip(f"the run has lasted {self._minutes:g} min (--minutes)")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A process of several tells the one that prints the summary."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["late"] = self._left_out

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """What another process left out."""
        self._left_out.extend(getattr(node, "workeroutput", {}).get("late", []))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name it."""
        if self._left_out:
            terminalreporter.section(f"not run: begun later than {self._minutes:g} min (--minutes)")
            for nodeid in self._left_out:
                terminalreporter.write_line(xdist_groups.plain(nodeid))


def pytest_addoption(parser: pytest.Parser) -> None:
    """With -p, or called by a conftest."""
    parser.addoption(
        "--minutes",
        type=float,
        default=_MINUTES,
        help=f"begin no test that boots machines after so many minutes, but for the build's; 0: no limit "
        f"({_MINUTES:g})",
    )


def pytest_configure(config: pytest.Config) -> None:
    """With -p, or called by a conftest."""
    config.pluginmanager.register(TimeLimit(config))
