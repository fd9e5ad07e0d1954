"""One run of the image tests (pytest with testinfra) against a live machine, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from build.errors import HubsmithError, UserError
from build.manifest import Manifest
from build.remote import client
from build.remote.shell import Target
from build.report import Reporter

_ALL_PASSED, _SOME_FAILED, _NOTHING_COLLECTED = 0, 1, 5  # pytest's exit codes


@dataclass(frozen=True)
class Outcome:
    """Counts, and the names (``test_file::test_name``) of what failed."""

    passed: int
    failed: int
    skipped: int
    broken: tuple[str, ...]


def run(
    manifest: Manifest,
    files: Sequence[Path],
    target: Target,
    stage: str,
    folder: Path,
    report: Reporter,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Outcome:
    """Run ``files`` against ``target``; the JUnit file is ``folder``/tests-<stage>.xml.

    Raises UserError when there is nothing to run, HubsmithError when pytest itself could not work or took too long.
    """
    with _ssh_config(target, folder / f"ssh-{stage}") as config:
        return run_through(config, target.address, manifest, files, stage, folder, report, variables)


def run_through(
    config: Path,
    address: str,
    manifest: Manifest,
    files: Sequence[Path],
    stage: str,
    folder: Path,
    report: Reporter,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Outcome:
    """The same, through an ssh configuration in which the machine is called client.ALIAS; its hub answers at ``address``."""
    junit = folder / f"tests-{stage}.xml"
    told = {"HUBSMITH_STAGE": stage, "HUBSMITH_HUB_URL": f"https://{address}", **variables}
    client.share(config)
    status = _pytest(manifest, files, told, config, junit, report)
    if status == _NOTHING_COLLECTED:
        raise UserError(f"tests.folder: nothing to run in {', '.join(path.name for path in files)}", where=str(manifest.path))
    if status not in (_ALL_PASSED, _SOME_FAILED):
        raise HubsmithError(f"the image tests could not run: pytest ended with status {status}", hint=f"see {folder}/build.log")
    return read(junit)


def read(junit: Path) -> Outcome:
    """What pytest's JUnit file says."""
    cases = list(ET.parse(junit).getroot().iter("testcase"))  # noqa: S314 - written by our own pytest
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case for case in cases if case.find("skipped") is not None]
    names = tuple(f"{str(case.get('classname')).rpartition('.')[2]}::{case.get('name')}" for case in failed)
    return Outcome(len(cases) - len(failed) - len(skipped), len(failed), len(skipped), names)


@contextmanager
def _ssh_config(target: Target, folder: Path) -> Iterator[Path]:
    folder.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hubsmith-") as short:
        config = client.write_config(target, folder, Path(short) / "control")
        try:
            yield config
        finally:
            client.close(config)
            for path in folder.iterdir():  # the private key has served its purpose
                path.unlink()
            folder.rmdir()


def _pytest(manifest: Manifest, files: Sequence[Path], told: Mapping[str, str], config: Path, junit: Path, report: Reporter) -> int:
    command = [
        *(sys.executable, "-m", "pytest", *(str(path) for path in files)),
        *(f"--hosts=ssh://{client.ALIAS}", f"--ssh-config={config}", f"--junit-xml={junit}"),
        # A folder of image tests stands on its own: no settings and no conftest.py from above it.
        *(f"--rootdir={manifest.folder}", f"--confcutdir={manifest.tests_folder}", "-c", os.devnull),
        *("--import-mode=importlib", "-o", f"pythonpath={manifest.folder}"),
        *("-o", "junit_family=xunit1"),  # the one that keeps record_property
        *("-p", "no:cacheprovider", "-q", "--tb=short", "--color=no"),
        *manifest.tests.pytest_args,
    ]
    environment = {
        **os.environ,
        **told,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    deadline = time.monotonic() + manifest.tests.timeout_minutes * 60
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=manifest.folder
    ) as process:
        try:
            return _follow(process, deadline, manifest.tests.timeout_minutes, report)
        except BaseException:
            process.terminate()
            raise


def _follow(process: subprocess.Popen[str], deadline: float, minutes: int, report: Reporter) -> int:
    assert process.stdout is not None
    for line in process.stdout:
        report.output(line.rstrip("\n"))
        if time.monotonic() > deadline:
            raise HubsmithError(f"the image tests took longer than {minutes} min", hint="raise tests.timeout_minutes in the manifest")
    return process.wait()
