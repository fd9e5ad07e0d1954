"""The image tests against a machine that runs, reached as its operator reaches it: ssh, with its keys."""

from __future__ import annotations

import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from build.bake import image_tests
from build.bake.plan import test_files
from build.bake.run import runs_folder
from build.bake.state import TestRun
from build.errors import HubsmithError, RemoteError, UserError
from build.manifest import Manifest
from build.remote import ssh_config
from build.remote.ssh_target import SshTarget
from build.report.reporter import Reporter

LIGHT, HEAVY = "running", "candidate"
"""Stages: the first leaves out what keeps others from their work (a full disk of logs, a hog, restarts)."""


def verify(
    manifest: Manifest, host: str, config: Path, *, heavy: bool, report: Reporter
) -> tuple[TestRun, Path]:
    """Run the tests; return the counts and the folder with the JUnit file.

    ``host`` is where the hub answers; in the ssh configuration ``config``, ssh_config.ALIAS means the same
    machine. Raises UserError when there is nothing to run, HubsmithError with the names of the tests that
    failed.
    """
    files = test_files(manifest)
    if not files:
        raise UserError(f"tests.folder: no test file in {manifest.tests.folder}", where=str(manifest.path))
    stage = HEAVY if heavy else LIGHT
    started = datetime.now(timezone.utc)
    folder = make_folder(host, started)
    with report.logging_to(folder / "build.log"):
        outcome = image_tests.run_with_config(
            [image_tests.MachineUnderTest(config, host)], manifest, files, stage, folder, report
        )
    seconds = round((datetime.now(timezone.utc) - started).total_seconds(), 1)
    if outcome.failed:
        raise HubsmithError(
            f"{outcome.failed} image test(s) failed on {host}:\n{outcome.told()}",
            hint=f"the whole output is in {folder}",
        )
    return TestRun(stage, outcome.passed, outcome.failed, outcome.skipped, seconds), folder


@contextmanager
def reached(target: SshTarget) -> Iterator[Path]:
    """An ssh configuration for a machine that its operator reaches by their own ssh.

    Raises RemoteError when they do not.
    """
    with tempfile.TemporaryDirectory(prefix="hubsmith-") as folder:
        config = ssh_config.write(target, Path(folder), Path(folder) / "control")
        _require_ssh(config, target.address)
        try:
            yield config
        finally:
            ssh_config.close(config)


def make_folder(host: str, started: datetime) -> Path:
    """A folder for one verification, unlike that of another of the same machine in the same second."""
    folder = runs_folder() / f"verify-{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}-{host}"
    folder.mkdir(mode=0o700, parents=True)
    return folder


def _require_ssh(config: Path, host: str) -> None:
    done = subprocess.run(
        ssh_config.command(config, "true", "-o", "BatchMode=yes"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise RemoteError(
            f"ssh to {host} failed: {done.stderr.strip()}",
            hint="give --user NAME and --operator-key FILE; its host key must be in your known_hosts",
        )
