"""`make mutants`: launch the newest published image, put the mistakes back one at a time, and see that a test
turns red for each.

The machine is saved once and restored before each mistake, so the local cloud is needed. Ends with status 1
when a mistake goes unnoticed, or when a test is red without one.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from build.aws.session import Cloud, connect
from build.bake import image_tests, junit
from build.bake.published import newest_published
from build.bake.run import start
from build.bake.state import Bake
from build.bake.steps.candidate import LaunchCandidate
from build.bake.steps.security_group import CreateSecurityGroup
from build.bake.steps.source_image import FindSourceImage
from build.errors import HubsmithError, RemoteError, UserError
from build.manifest import load
from build.pipeline import OnFailure, Runner, Step
from build.remote.shell import Shell
from build.report.reporter import Reporter
from localcloud.ec2.host import runtime_folder
from localcloud.machine.machine import Machine
from localcloud.server import control
from tests.mutants.mistakes import MISTAKES, Mistake

TAG = "unmutated"
REPO = Path(__file__).parents[2]
_ALL_PASSED, _SOME_FAILED = 0, 1  # pytest's exit codes


class PutMistakesBack(Step[Bake]):
    """Each on the machine as it was launched. Needs: candidate."""

    title = "put the mistakes back"

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self._mistakes = mistakes

    def run(self, state: Bake) -> None:
        cloud = control.default_folder()
        machine = Machine(cloud / "machines" / state.candidate.id, runtime_folder(cloud))
        machine.save(TAG)
        self._see_them_green(state)
        survived = []
        for mistake in self._mistakes:
            with state.report.step(f"{mistake.number}. {mistake.what}"):
                if mistake.home == "image":
                    machine.restore(TAG)
                    noticed = self._is_noticed(state, mistake)
                else:
                    noticed = _pytest_in_a_copy(mistake.tests, mistake.patch) == _SOME_FAILED
                if not noticed:
                    survived.append(f"{mistake.number}. {mistake.what}")
        if survived:
            raise HubsmithError("no test turned red for:\n" + "\n".join(survived))

    def _see_them_green(self, state: Bake) -> None:
        with state.report.step("without any mistake"):
            of_the_image, copied = self._tests(in_the_image=True), self._tests(in_the_image=False)
            if of_the_image and (outcome := self._test(state, of_the_image, "none")).failed:
                raise HubsmithError(f"red without any mistake:\n{outcome.told()}")
            if copied and (status := _pytest_in_a_copy(copied)) != _ALL_PASSED:
                raise HubsmithError(
                    f"red without any mistake, in a copy of the repository (status {status}): "
                    + ", ".join(copied)
                )

    def _tests(self, *, in_the_image: bool) -> tuple[str, ...]:
        found = [
            test
            for mistake in self._mistakes
            if (mistake.home == "image") == in_the_image
            for test in mistake.tests
        ]
        return tuple(dict.fromkeys(found))

    def _is_noticed(self, state: Bake, mistake: Mistake) -> bool:
        with _connected(state) as shell:
            shell.run("date --set @%s", str(int(time.time())), root=True)  # the clock stood still
            shell.run(mistake.patch, root=True, timeout_s=180)
        outcome = self._test(state, mistake.tests, str(mistake.number))
        state.report.note(f"red: {', '.join(test.name for test in outcome.broken) or 'nothing'}")
        return outcome.failed > 0

    def _test(self, state: Bake, tests: Sequence[str], name: str) -> junit.TestSummary:
        files = [Path(f"{state.manifest.tests_folder}/{test}") for test in tests]
        target, folder = state.candidate.target, state.run.folder
        return image_tests.run(
            state.manifest,
            files,
            [target],
            f"mutant-{name}",
            folder,
            state.report,
            {"HUBSMITH_STAGE": "candidate"},
        )


def _pytest_in_a_copy(tests: Sequence[str], patch: str = "true") -> int:
    """pytest's exit status for these tests in a copy of the repository, after the patch."""
    with tempfile.TemporaryDirectory(prefix="hubsmith-") as folder:
        copy = Path(folder, "copy")
        shutil.copytree(
            REPO,
            copy,
            symlinks=True,
            ignore=shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__"),
        )
        subprocess.run(["bash", "-c", patch], cwd=copy, check=True)
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *tests], cwd=copy, capture_output=True, check=False
        ).returncode


def _connected(state: Bake) -> Shell:
    deadline = time.monotonic() + 60
    while True:
        try:
            with Shell(state.candidate.target) as shell:
                shell.run("true")
            return Shell(state.candidate.target)
        except RemoteError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--image", help="id of the image (default: the newest published one)")
    parser.add_argument("numbers", nargs="*", type=int, help="only these mistakes")
    chosen = parser.parse_args()
    mistakes = [
        each for each in MISTAKES if each.patch and (not chosen.numbers or each.number in chosen.numbers)
    ]
    report = Reporter()
    try:
        put_back(mistakes, chosen.image, report)
    except HubsmithError as problem:
        report.failure(problem)
        return problem.exit_code
    return 0


def put_back(mistakes: Sequence[Mistake], image_id: str | None, report: Reporter) -> None:
    """Raises HubsmithError with the mistakes that went unnoticed, UserError when there is no image."""
    # One after the other, each on the same machine.
    manifest = load(Path("manifest.yaml"), cloud="local", overrides=["tests.machines=1"])
    endpoint = control.ensure_up()
    clients = connect(Cloud("local", endpoint.region, endpoint.url, endpoint.access_key, endpoint.secret_key))
    published = newest_published(manifest, clients, report.warn)
    image_id = image_id or (published["ImageId"] if published else None)
    if image_id is None:
        raise UserError("there is no image yet", hint="make build-ami")
    steps = [FindSourceImage(image_id), CreateSecurityGroup(), LaunchCandidate(), PutMistakesBack(mistakes)]
    with start(manifest.builder) as run, report.logging_to(run.folder / "build.log"):
        Runner[Bake](report, OnFailure.CLEANUP).run(steps, Bake(manifest, clients, run, report))
    report.note(f"{len(mistakes)} mistakes put back, each noticed")


if __name__ == "__main__":
    sys.exit(main())
