"""The image tests on the builder, on a fresh instance of the image, and after its reboot."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from build.bake import diagnostics, image_tests
from build.bake.plan import test_files
from build.bake.state import Bake, Instance, TestRun
from build.bake.watch import watched
from build.errors import HubsmithError, UserError
from build.manifest import Manifest
from build.manifest.schema import fields
from build.pipeline import Step

Stage = Literal["builder", "candidate", "rebooted"]
OUTSIDE = "outside"
_OUTSIDE_TIMES = 3
WHERE = {
    "builder": "on the builder instance",
    "candidate": "on a fresh instance of the image",
    "rebooted": "on the rebooted instance",
    OUTSIDE: "looking from outside",
}


class Verify(Step[Bake]):
    """Run the tests of the manifest's tests folder.

    Needs: builder or candidates. Adds to: tests.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage: Stage = stage
        self.title = "test the rebooted instance" if stage == "rebooted" else f"test the {stage}"

    def run(self, state: Bake) -> None:
        """Raises HubsmithError naming the tests that failed, UserError when there are none to run."""
        files = test_files(state.manifest)
        if not files:
            raise UserError(
                f"tests.folder: no test file in {state.manifest.tests.folder}", where=str(state.manifest.path)
            )
        machines = [state.builder] if self._stage == "builder" else state.candidates
        run_tests(state, files, machines, self._stage)


def run_tests(
    state: Bake,
    files: Sequence[Path],
    machines: Sequence[Instance],
    stage: str,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Run these test files on instances that share them; raise HubsmithError naming those that failed."""
    started = time.monotonic()
    targets = [machine.target for machine in machines]
    guard = partial(watched, state, machines)
    manifest = _with_more_time(state.manifest) if stage == OUTSIDE else state.manifest
    outcome = image_tests.run(
        manifest, files, targets, stage, state.run.folder, state.report, variables, guard
    )
    seconds = round(time.monotonic() - started, 1)
    state.tests.append(TestRun(stage, outcome.passed, outcome.failed, outcome.skipped, seconds))
    if outcome.failed:
        journal = diagnostics.collect(state, machines, stage)
        raise HubsmithError(
            f"{outcome.failed} image test(s) failed, {WHERE[stage]}:\n{outcome.told()}",
            hint=(
                f"the whole output is in {state.run.folder / 'build.log'}, the machine's journal beside it "
                f"in {journal}"
            ),
        )
    skipped = f", {outcome.skipped} skipped" if outcome.skipped else ""
    state.report.note(f"{outcome.passed} tests passed, {WHERE[stage]}{skipped}")


def _with_more_time(manifest: Manifest) -> Manifest:
    """Each file of the image is read once, from a new volume: that takes as long as EBS takes to fetch it."""
    minutes = min(_OUTSIDE_TIMES * manifest.tests.timeout_minutes, fields.MINUTES_PER_DAY)
    return replace(manifest, tests=manifest.tests.model_copy(update={"timeout_minutes": minutes}))
