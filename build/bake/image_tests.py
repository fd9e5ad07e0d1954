"""One run of the image tests (pytest with testinfra), in its own process, on machines that share them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from build.bake import junit
from build.errors import HubsmithError, UserError
from build.manifest import Manifest
from build.remote import ssh_config
from build.remote.ssh_target import SshTarget
from build.report.reporter import Reporter

_PLUGINS = Path(__file__).with_name("pytest_plugins")
Guard = Callable[[Callable[[], object]], AbstractContextManager[object]]
"""Makes what surrounds a run out of what breaks the run off."""
_ALL_PASSED, _SOME_FAILED, _USAGE, _NOTHING_COLLECTED = 0, 1, 4, 5  # pytest's exit codes
_MUST_PASS = ("builder", "candidate")
"""Stages in which a run whose tests were all skipped has shown nothing."""


@dataclass(frozen=True)
class MachineUnderTest:
    """A machine to test: an ssh configuration that calls it ssh_config.ALIAS, and where its hub answers."""

    config: Path
    address: str

    @property
    def hub_url(self) -> str:
        """The hub's address, for HubClient; its certificate may be self-signed."""
        return f"https://{self.address}"


def run(
    manifest: Manifest,
    files: Sequence[Path],
    targets: Sequence[SshTarget],
    stage: str,
    folder: Path,
    report: Reporter,
    variables: Mapping[str, str] = MappingProxyType({}),
    guard: Guard = nullcontext,
) -> junit.TestSummary:
    """Run ``files``, each test on one of ``targets``; the JUnit file is ``folder``/tests-<stage>.xml.

    Raises UserError when there is nothing to run, HubsmithError when pytest itself could not work or took too
    long, and what ``guard`` raises.
    """
    with ExitStack() as stack:
        machines = [
            MachineUnderTest(
                stack.enter_context(_ssh_config(target, folder / f"ssh-{stage}-{number}")), target.address
            )
            for number, target in enumerate(targets, start=1)
        ]
        return run_with_config(machines, manifest, files, stage, folder, report, variables, guard)


def run_with_config(
    machines: Sequence[MachineUnderTest],
    manifest: Manifest,
    files: Sequence[Path],
    stage: str,
    folder: Path,
    report: Reporter,
    variables: Mapping[str, str] = MappingProxyType({}),
    guard: Guard = nullcontext,
) -> junit.TestSummary:
    """The same, where there are ways to the machines already."""
    results = folder / f"tests-{stage}.xml"
    for machine in machines:
        ssh_config.share(machine.config)
    environment = {"HUBSMITH_STAGE": stage, **_environment_of(machines), **variables}
    status = _pytest(manifest, files, environment, machines, results, report, guard)
    if status == _NOTHING_COLLECTED:
        raise UserError(
            f"tests.folder: nothing to run in {', '.join(path.name for path in files)}",
            where=str(manifest.path),
        )
    # a plugin that cannot be imported has status 1 too
    if status not in (_ALL_PASSED, _SOME_FAILED) or not results.exists():
        raise HubsmithError(
            f"the image tests could not run: pytest ended with status {status}",
            hint=f"see {folder}/build.log",
        )
    summary = junit.read(results)
    if not summary.passed and not summary.failed and (not summary.skipped or stage in _MUST_PASS):
        raise manifest.problem(
            ("tests", "pytest_args"), "no test was run with them: an untested image is not published"
        )
    return summary


def collect(manifest: Manifest, files: Sequence[Path]) -> int:
    """How many tests pytest finds in ``files`` with the manifest's arguments; it runs none of them.

    Raises ManifestError when there are none, or when pytest does not start with them.
    """
    if not files:
        raise manifest.problem(("tests", "folder"), f"no test of its provisioners in {manifest.tests.folder}")
    nowhere = MachineUnderTest(Path(os.devnull), "127.0.0.1")
    command = [*_command(manifest, files, [nowhere]), "--collect-only", "--numprocesses=0"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=_environment(manifest, {"HUBSMITH_STAGE": "builder", **_environment_of([nowhere])}),
        cwd=manifest.folder,
        check=False,
    )
    if done.returncode == _ALL_PASSED:
        return sum("::" in line for line in done.stdout.splitlines())
    if done.returncode == _NOTHING_COLLECTED:
        if manifest.tests.pytest_args:
            raise manifest.problem(("tests", "pytest_args"), "leaves no test to run")
        raise manifest.problem(("tests", "folder"), f"pytest finds no test in {manifest.tests.folder}")
    if done.returncode == _USAGE:
        said = [line for line in done.stderr.splitlines() if "error:" in line]
        words = said[-1].partition("error:")[2].strip() if said else done.stderr.strip()
        raise manifest.problem(("tests", "pytest_args"), f"pytest refuses them: {words}")
    raise manifest.problem(
        ("tests", "folder"), f"pytest cannot read the tests: {_last_complaint(done.stdout)}"
    )


def _last_complaint(output: str) -> str:
    """Where a test file could not be imported, and why, on one line."""
    lines = [line.removeprefix("E   ").strip() for line in output.splitlines() if line.startswith("E   ")]
    broken = [line for line in output.splitlines() if line.startswith("ERROR ")]
    return " | ".join((*broken[:1], *lines[-1:])) or output.strip()[-200:]


def _environment_of(machines: Sequence[MachineUnderTest]) -> dict[str, str]:
    """What the plugin wants to know, and what a test that knows of one machine only does."""
    ways = [{"ssh_config": str(machine.config), "hub_url": machine.hub_url} for machine in machines]
    python_path = os.pathsep.join(filter(None, [str(_PLUGINS), os.environ.get("PYTHONPATH", "")]))
    return {
        "HUBSMITH_MACHINES": json.dumps(ways),
        "HUBSMITH_HUB_URL": machines[0].hub_url,
        "PYTHONPATH": python_path,
    }


@contextmanager
def _ssh_config(target: SshTarget, folder: Path) -> Iterator[Path]:
    folder.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hubsmith-") as short:
        config = ssh_config.write(target, folder, Path(short) / "control")
        try:
            yield config
        finally:
            ssh_config.close(config)
            for path in folder.iterdir():  # the private key has served its purpose
                path.unlink()
            folder.rmdir()


def _pytest(
    manifest: Manifest,
    files: Sequence[Path],
    environment: Mapping[str, str],
    machines: Sequence[MachineUnderTest],
    results: Path,
    report: Reporter,
    guard: Guard,
) -> int:
    command = [*_command(manifest, files, machines), f"--junit-xml={results}"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=_environment(manifest, environment),
        cwd=manifest.folder,
    ) as process:
        try:
            with guard(process.terminate):
                return _follow(process, manifest.tests.timeout_minutes, report)
        except BaseException:
            process.terminate()
            raise


def _command(manifest: Manifest, files: Sequence[Path], machines: Sequence[MachineUnderTest]) -> list[str]:
    return [
        *(sys.executable, "-m", "pytest", *(str(path) for path in files)),
        *(f"--hosts=ssh://{ssh_config.ALIAS}", f"--ssh-config={machines[0].config}"),
        # A folder of image tests stands on its own: no settings and no conftest.py from above it.
        *(f"--rootdir={manifest.folder}", f"--confcutdir={manifest.tests_folder}", "-c", os.devnull),
        *("--import-mode=importlib", "-o", f"pythonpath={manifest.folder}"),
        *("-o", "junit_family=xunit1"),  # the one that keeps record_property
        *("-p", "no:cacheprovider", "-q", "--tb=short", "--color=no"),
        *(
            "-p",
            "hubsmith_machines",
            "-p",
            "hubsmith_shells",
            *_processes(manifest, machines),
            *manifest.tests.pytest_args,
        ),
    ]


def _environment(manifest: Manifest, of_machines: Mapping[str, str]) -> dict[str, str]:
    return {
        **os.environ,
        **of_machines,
        "HUBSMITH_ACCEPTED_OPENINGS": json.dumps(manifest.tests.accepted_openings),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _processes(manifest: Manifest, machines: Sequence[MachineUnderTest]) -> list[str]:
    """One for each machine, unless the manifest says how many."""
    is_chosen = any(argument.startswith(("-n", "--numprocesses")) for argument in manifest.tests.pytest_args)
    return [] if is_chosen or len(machines) == 1 else [f"--numprocesses={len(machines)}", "--dist=loadgroup"]


def _follow(process: subprocess.Popen[str], minutes: float, report: Reporter) -> int:
    """Its status. Raises HubsmithError after so many minutes, also when it says nothing any more."""
    assert process.stdout is not None
    overdue = threading.Event()

    def stop() -> None:
        overdue.set()
        process.terminate()

    limit = threading.Timer(minutes * 60, stop)
    limit.start()
    try:
        for line in process.stdout:
            report.output(line.rstrip("\n"))
        status = process.wait()
    finally:
        limit.cancel()
    if overdue.is_set():
        raise HubsmithError(
            f"the image tests took longer than {minutes:g} min",
            hint="raise tests.timeout_minutes in the manifest",
        )
    return status
