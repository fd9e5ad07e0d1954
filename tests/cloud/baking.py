"""The one real bake of a test run: begun before the first test, waited for by the last ones, so that no
processor is idle meanwhile.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.cloud.workshop import INVOKE, REPO, Done, Workshop


@dataclass(frozen=True)
class Baking:
    """A bake of the shipped manifest in its own workshop; ``before`` is what the cloud listed at first."""

    workshop: Workshop
    before: dict[str, list[str]]
    process: subprocess.Popen[str]

    @classmethod
    def begin(cls, state: Path) -> Baking:
        """Start a cloud in the folder ``state``, and the bake; both give way to the tests."""
        environment = {**os.environ, "HUBSMITH_STATE": str(state), "COLUMNS": "80"}
        command = ["nice", str(INVOKE)]
        up = subprocess.run(
            [*command, "cloud.up"], cwd=REPO, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        workshop = Workshop(state, up.stdout.strip())
        with (state / "bake.out").open("w") as out, (state / "bake.err").open("w") as err:
            process = subprocess.Popen(
                [*command, "build-ami"], cwd=REPO, env=environment, stdout=out, stderr=err, text=True
            )
        return cls(workshop, workshop.listing(), process)

    @classmethod
    def earlier(cls, state: Path) -> Baking:
        """A bake that was done before, in this workshop: for a developer whose change is not in the image."""
        environment = {**os.environ, "HUBSMITH_STATE": str(state), "COLUMNS": "80"}
        up = subprocess.run(
            [str(INVOKE), "cloud.up"],
            cwd=REPO,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        workshop = Workshop(state, up.stdout.strip())
        return cls(workshop, workshop.listing(), subprocess.Popen(["true"], text=True))

    def wait(self, timeout_s: float) -> Done:
        """The bake when it has ended."""
        status = self.process.wait(timeout_s)
        said = [self.workshop.state / name for name in ("bake.out", "bake.err")]
        return Done(status, *(file.read_text() if file.exists() else "" for file in said))

    def end(self) -> None:
        """Interrupt it if it still runs; it cleans up after itself."""
        self.process.terminate()
        self.process.wait(timeout=180)
