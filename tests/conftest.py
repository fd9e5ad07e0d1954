"""What every developers' test shares: which process runs what, and the slice of the exhaustive matrices and
the seed of the local clouds that this commit runs with.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests import aws_models, host_speed, kernel_reports, slices, time_limit, told_at_once, xdist_groups

REPO = Path(__file__).parents[1]
_SLOWEST = 10
_SEED = "HUBSMITH_CLOUD_SEED"
SEED = "2fb77c931235"
"""Which new things are unknown to which calls in `make test`: the same until a commit changes it, so that a
failure has its cause in the commit that it is seen with. `make test-all` takes a new one each time.
"""
_left_out: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--matrix",
        choices=["slice", "all"],
        default="slice",
        help="tests marked matrix or turn: a slice chosen by the commit, or all",
    )


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist's own, which looks at the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    xdist_groups.arrange(items, shared=xdist_groups.is_shared(config))
    if config.getoption("--matrix") == "all":
        return
    commit = slices.commit()
    left_to_others = slices.left_to_others(items, commit)
    chosen: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        runs = slices.is_chosen(item, commit) and item.nodeid not in left_to_others
        (chosen if runs else left).append(item)
    items[:] = chosen
    _left_out.extend(item.nodeid for item in left)
    config.hook.pytest_deselected(items=left)


@pytest.hookimpl(tryfirst=True)  # before the fixtures
def pytest_runtest_setup(item: pytest.Item) -> None:
    time_limit.skip_what_no_longer_fits(item)
    xdist_groups.give_way(item)
    item.stash[kernel_reports.BEGAN] = time.time()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test quotes what the kernels of this process's machines reported: it is often the cause."""
    report = yield
    if report.failed:
        folder: Path = item.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        if faults := kernel_reports.found_below(folder, item.stash.get(kernel_reports.BEGAN, 0.0)):
            report.sections.append((kernel_reports.TITLE, faults))
        if item.nodeid.startswith("tests/cloud/"):
            report.sections.append(("which calls do not know what is new", f"{_SEED}={os.environ[_SEED]}"))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of several tells the one that prints the summary."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = _left_out


class _Several:
    """Hooks for a run of several processes."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "node"):  # of another process, and at the one who prints
            report.nodeid = xdist_groups.plain(report.nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        # each has collected the same
        _left_out[:] = getattr(node, "workeroutput", {}).get("left_out", _left_out)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Several())
    told_at_once.pytest_configure(config)
    aws_models.share()
    # Here, before the other processes of a run are started: they have it too.
    if getattr(config.option, "numprocesses", None):  # looking takes a second, and some tests hardly more
        host_speed.look()
    time_limit.begin()
    os.environ.setdefault(_SEED, _seed(config))


def _seed(config: pytest.Config) -> str:
    """Of every local cloud: with all matrices a new one."""
    return secrets.token_hex(4) if config.getoption("--matrix") == "all" else SEED


def pytest_report_header() -> str:
    slow = ", a slow host: what takes minutes has its turn (tests/slices.py)" if host_speed.is_slow() else ""
    return f"seed of the local clouds: {_SEED}={os.environ[_SEED]}{slow}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    _write_slowest_groups(terminalreporter)
    if _left_out:
        terminalreporter.section("not run: the other slices (make test-all runs them)")
        for nodeid in _left_out:
            terminalreporter.write_line(nodeid)


def _write_slowest_groups(terminalreporter: pytest.TerminalReporter) -> None:
    """The files whose tests, fixtures included, took longest; one process of a run takes a file at a time."""
    seconds: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid.partition("::")[0]] += report.duration  # type: ignore[assignment]  # a Counter counts floats too
    slowest = [(file, spent) for file, spent in seconds.most_common(_SLOWEST) if spent >= 1]
    if slowest:
        terminalreporter.section("slowest groups")
        for file, spent in slowest:
            terminalreporter.write_line(f"{spent:8.1f} s  {file}")
