"""Image tests that would not run, or show nothing, are told before anything is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from build.bake import image_tests, junit
from build.bake.plan import test_files as files_of
from build.errors import ManifestError
from build.manifest import Manifest, load
from build.remote import ssh_config
from build.report.reporter import Reporter
from tests.conftest import REPO

JUNIT = '<testsuites><testsuite tests="{count}">{cases}</testsuite></testsuites>'
CASE = '<testcase classname="a" name="b" time="0"/>'
SKIPPED = '<testcase classname="a" name="b" time="0"><skipped/></testcase>'


def manifest(*overrides: str) -> Manifest:
    return load(REPO / "manifest.yaml", overrides=overrides)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        (
            "tests.pytest_args=[--nunprocesses=2]",
            "pytest refuses them: unrecognized arguments: --nunprocesses=2",
        ),
        ("tests.pytest_args=[-k=no_such_test]", "tests.pytest_args: leaves no test to run"),
        ("tests.folder=docs", "tests.folder: no test of its provisioners in docs"),
    ],
)
def test_what_pytest_would_not_run_is_told(override: str, told: str) -> None:
    found = manifest(override)
    with pytest.raises(ManifestError) as caught:
        image_tests.collect(found, files_of(found))
    assert told in str(caught.value)


def test_a_test_file_that_is_broken_is_told(tmp_path: Path) -> None:
    for name in ("provisioners", "tests"):
        (tmp_path / name).symlink_to(REPO / name)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "test_image.py").write_text("import nosuch\n")
    (tmp_path / "manifest.yaml").write_text(
        (REPO / "manifest.yaml").read_text().replace("tests/image", "own")
    )
    found = load(tmp_path / "manifest.yaml")
    with pytest.raises(
        ManifestError, match=r"pytest cannot read the tests: ERROR own/test_image.py .*nosuch"
    ):
        image_tests.collect(found, files_of(found))


def test_the_shipped_tests_are_found() -> None:
    found = manifest()
    assert image_tests.collect(found, files_of(found)) > 100


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("tests.pytest_args=[--collect-only]", "tests.pytest_args.0: --collect-only runs no test"),
        ("tests.pytest_args=[-q, --co]", "tests.pytest_args.1: --co runs no test"),
        ("tests.pytest_args=[--setup-plan]", "tests.pytest_args.0: --setup-plan runs no test"),
        ("tests.pytest_args=['--numprocesses 2']", "write --numprocesses=2"),
        ("tests.machines=4", "tests.machines: is 4, and tests.pytest_args has --numprocesses=2"),
    ],
)
def test_what_would_test_nothing_is_told_by_the_manifest(override: str, told: str) -> None:
    with pytest.raises(ManifestError) as caught:
        manifest(override)
    assert told in str(caught.value)


def ran(stage: str, cases: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> junit.TestSummary:
    def pytest_(_: Manifest, __: Any, ___: Any, ____: Any, results: Path, *_____: Any) -> int:
        results.write_text(JUNIT.format(count=cases.count("<testcase"), cases=cases))
        return 0

    monkeypatch.setattr(image_tests, "_pytest", pytest_)
    monkeypatch.setattr(ssh_config, "share", lambda _: None)
    way = image_tests.MachineUnderTest(tmp_path / "ssh_config", "127.0.0.1")
    return image_tests.run_with_config([way], manifest(), [], stage, tmp_path, Reporter(quiet=True))


@pytest.mark.parametrize(("stage", "cases"), [("builder", ""), ("candidate", SKIPPED), ("rebooted", "")])
def test_a_run_without_a_test_that_passed_is_a_failure(
    stage: str, cases: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ManifestError, match=r"tests\.pytest_args: no test was run with them"):
        ran(stage, cases, tmp_path, monkeypatch)


@pytest.mark.parametrize(("stage", "cases"), [("builder", CASE), ("rebooted", SKIPPED)])
def test_a_run_with_one_is_not(
    stage: str, cases: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ran(stage, cases, tmp_path, monkeypatch).failed == 0
