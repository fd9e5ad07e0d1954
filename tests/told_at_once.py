"""A failure is told when it happens, not only in the summary: a run that is ended from outside, as by a time
limit, has no summary.
"""

from __future__ import annotations

import time

import pytest

_LONGEST = 600  # letters


class ToldAtOnce:
    """Hooks for the process that prints. One cause that fails many tests, as a fixture does, is told once."""

    def __init__(self, config: pytest.Config) -> None:
        self._config, self._began = config, time.monotonic()
        self._told: set[str] = set()

    @pytest.hookimpl(trylast=True)  # after the terminal's own, which writes the letter
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.failed or (reason := _reason(report)) in self._told:
            return
        self._told.add(reason)
        after = f"{(time.monotonic() - self._began) / 60:.1f} min"
        terminal = self._config.pluginmanager.getplugin("terminalreporter")
        terminal.write_line(f"\n{report.when} of {report.nodeid}, {after} after the start: {reason}")


def _reason(report: pytest.TestReport) -> str:
    """The error's words; of many the last ones, where a command of invoke says why it ended."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message) if crash else report.longreprtext
    return text if len(text) <= _LONGEST else f"... {text[-_LONGEST:]}"


def pytest_configure(config: pytest.Config) -> None:
    """With -p, or called by a conftest. Of several processes the others print nothing."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(ToldAtOnce(config))
