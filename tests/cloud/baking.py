"""The one real bake of a test run: begun before the first test, waited for by the last ones, so that no
processor is idle meanwhile.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests import slices, time_limit
from tests.cloud.invoke_runner import INVOKE, REPO, Done, InvokeRunner

_COURSE = ("--set", "python.environments=[{name: course, packages: [cowsay]}]")
"""What the shipped manifest has none of: an environment for everybody."""


@dataclass(frozen=True)
class Baking:
    """A bake of the shipped manifest in its own state folder.

    With HUBSMITH_THOROUGH the image has an environment for everybody, which takes some minutes.

    ``before`` is what its cloud listed then.
    """

    runner: InvokeRunner
    before: dict[str, list[str]]
    process: subprocess.Popen[str]

    @classmethod
    def begin(cls, state: Path) -> Baking:
        """Start a cloud in the folder ``state``, and the bake: nothing of a run takes longer."""
        environment = {**os.environ, "HUBSMITH_STATE": str(state), "COLUMNS": "80"}
        up = subprocess.run(
            [str(INVOKE), "cloud.up"],
            cwd=REPO,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        runner = InvokeRunner(state, up.stdout.strip())
        more = _COURSE if os.environ.get("HUBSMITH_THOROUGH") else ()
        with (state / "bake.out").open("w") as out, (state / "bake.err").open("w") as err:
            process = subprocess.Popen(
                [str(INVOKE), "build-ami", *more],
                cwd=REPO,
                env={**environment, **slices.variables()},
                stdout=out,
                stderr=err,
                text=True,
            )
        return cls(runner, runner.listing(), process)

    @classmethod
    def earlier(cls, state: Path) -> Baking:
        """A bake that was done before, in this folder: for a developer whose change is not in the image."""
        environment = {**os.environ, "HUBSMITH_STATE": str(state), "COLUMNS": "80"}
        up = subprocess.run(
            [str(INVOKE), "cloud.up"],
            cwd=REPO,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        runner = InvokeRunner(state, up.stdout.strip())
        return cls(runner, runner.listing(), subprocess.Popen(["true"], text=True))

    def wait(self, timeout_s: float) -> Done:
        """The bake when it has ended. Raises TimeoutError with what it said last when it does not in time.

        On a slow host the test is skipped when the time of the whole run is over before that.
        """
        run_ends_s = time_limit.left_for_a_bake_s()
        try:
            status = self.process.wait(min(timeout_s, run_ends_s))
        except subprocess.TimeoutExpired:
            if run_ends_s < timeout_s:
                time_limit.skip_where_slow()
            last = self._said("bake.err")[-2000:]
            raise TimeoutError(f"the bake takes over {timeout_s:.0f} s: {last}") from None
        return Done(status, self._said("bake.out"), self._said("bake.err"))

    def _said(self, name: str) -> str:
        file = self.runner.state / name
        return file.read_text() if file.exists() else ""

    def end(self) -> None:
        """Interrupt it if it still runs; it cleans up after itself."""
        self.process.terminate()
        self.process.wait(timeout=180)
