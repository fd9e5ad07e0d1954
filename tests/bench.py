"""`make bench`: seconds per step of a cold build and of one whose last provisioner changed, and of a rebuild
with nothing to do; memory.

Cold means: no base image, no local cloud, no state; packages come from the registries. The other build finds
the base image, a running cloud and the first one's layers. Making its image should take a quarter of what the
cold one took at most; proving it right takes what it takes, since no image is published untested. A rebuild
that has nothing to do should take 5 s. Prints a table on stderr and one JSON document on stdout. Works on a
copy of the manifest's folder, because it changes a provisioner; `make bench ARGS="--set …"` gives all
commands more options.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

REPO = Path(__file__).parents[1]
INVOKE = Path(sys.executable).with_name("invoke")
_OWN_WORK = (
    "launch",
    "provision",
    "test",
    "boot",
    "reboot",
    "look at",
    "seal",
    "stop the builder",
    "create the image",
    "keep a layer",
    "prepare the builder",
)
_PROOF = ("test", "boot", "reboot", "look at")


@dataclass(frozen=True)
class Build:
    """One build: wall-clock seconds, seconds per step, peak resident memory of the two processes in MiB."""

    name: str
    seconds: float
    steps: dict[str, float]
    task_peak_mib: int
    server_peak_mib: int

    @property
    def run_to_ssh_s(self) -> float:
        return self.steps["launch the builder: run-instances to ssh"]

    @property
    def proof_s(self) -> float:
        """Image tests, and the boots that they need."""
        return round(
            sum(
                seconds
                for step, seconds in self.steps.items()
                if step.startswith(_PROOF) and ": " not in step
            ),
            1,
        )

    @property
    def making_s(self) -> float:
        """All the rest, base image included."""
        return round(self.seconds - self.proof_s, 1)

    def shares(self) -> dict[str, float]:
        return {"making_s": self.making_s, "proof_s": self.proof_s, "overhead_percent": self.overhead_percent}

    @property
    def overhead_percent(self) -> float:
        """Percent of the time that is neither boots, scripts, tests nor the image, base image left out."""
        own = sum(
            seconds for step, seconds in self.steps.items() if step.startswith(_OWN_WORK) and ": " not in step
        )
        base = sum(seconds for step, seconds in self.steps.items() if step.startswith("base image "))
        rest = self.seconds - own - base
        return round(100 * rest / own, 1)


def main(arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="hubsmith-bench-") as folder:
        environment = {**os.environ, "HUBSMITH_STATE": f"{folder}/state", "HUBSMITH_CACHE": f"{folder}/cache"}
        arguments = ["--manifest", str(copy_of_the_project(Path(folder) / "project")), *arguments]
        try:
            builds = [build("cold", environment, Path(folder), arguments)]
            change_the_last_provisioner(Path(folder) / "project", environment, arguments)
            builds.append(build("last changed", environment, Path(folder), arguments))
            nothing_s = nothing_changed(environment, arguments)
        finally:
            subprocess.run([INVOKE, "cloud.reset", "--yes"], cwd=REPO, env=environment, check=False)
            subprocess.run([INVOKE, "cloud.down"], cwd=REPO, env=environment, check=False)
    show(builds)
    cold, changed = builds
    making, whole = (
        round(100 * part / of)
        for part, of in ((changed.making_s, cold.making_s), (changed.seconds, cold.seconds))
    )
    sys.stderr.write(
        f"last provisioner changed: image made in {making} % of cold, whole build {whole} %; nothing "
        f"changed: {nothing_s} s\n"
    )
    told = [asdict(each) | each.shares() for each in builds]
    percent = {"last_changed_making_percent": making, "last_changed_percent": whole}
    sys.stdout.write(json.dumps({"builds": told, **percent, "nothing_changed_s": nothing_s}, indent=2) + "\n")


def copy_of_the_project(folder: Path) -> Path:
    """The manifest, its provisioners and image tests where they may be changed; returns the manifest."""
    for name in ("provisioners", "tests/image"):
        shutil.copytree(REPO / name, folder / name)
    return Path(shutil.copy(REPO / "manifest.yaml", folder / "manifest.yaml"))


def change_the_last_provisioner(project: Path, environment: dict[str, str], arguments: list[str]) -> None:
    """One more comment in its script."""
    checked = subprocess.run(
        [INVOKE, "plan", "--json", *arguments], cwd=REPO, env=environment, stdout=subprocess.PIPE, check=True
    )
    last = json.loads(checked.stdout)["provisioners"][-1]["name"]
    with (project / "provisioners" / last / "install.sh").open("a", encoding="utf-8") as script:
        script.write("# changed\n")


def nothing_changed(environment: dict[str, str], arguments: list[str]) -> float:
    """Seconds of a rebuild that has nothing to do."""
    started = time.monotonic()
    subprocess.run(
        [INVOKE, "rebuild", *arguments], cwd=REPO, env=environment, check=True, stdout=subprocess.DEVNULL
    )
    return round(time.monotonic() - started, 1)


def build(name: str, environment: dict[str, str], folder: Path, arguments: list[str]) -> Build:
    started = time.monotonic()
    with subprocess.Popen(
        [INVOKE, "build-ami", *arguments], cwd=REPO, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        peak = Peak(process.pid)
        assert process.stdout is not None
        image_id = process.stdout.read().strip().splitlines()[-1:]
        peak.stop()
    seconds = round(time.monotonic() - started, 1)
    if process.returncode != 0 or not image_id:
        sys.exit(f"the {name} build failed")
    record = json.loads((folder / "state" / "records" / f"{image_id[0]}.json").read_text())
    steps = {timing["step"]: timing["seconds"] for timing in record["seconds"]}
    status = subprocess.run(
        [INVOKE, "cloud.status", "--json"], cwd=REPO, env=environment, stdout=subprocess.PIPE, check=True
    )
    return Build(name, seconds, steps, peak.mib, peak_mib(json.loads(status.stdout)["endpoint"]["pid"]))


class Peak(threading.Thread):
    """Follows the peak resident memory of a process, which is gone once the process is."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._ended, self.mib = pid, threading.Event(), 0
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.5):
            self.mib = max(self.mib, peak_mib(self._pid))

    def stop(self) -> None:
        self._ended.set()
        self.join()


def peak_mib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def show(builds: list[Build]) -> None:
    names = list(dict.fromkeys(step for each in builds for step in each.steps))
    rows = [
        (name, *(f"{each.steps[name]:.1f}" if name in each.steps else "-" for each in builds))
        for name in names
    ]
    rows.append(("whole command", *(f"{each.seconds:.1f}" for each in builds)))
    rows.append(("making the image", *(f"{each.making_s:.1f}" for each in builds)))
    rows.append(("proving it right (tests and their boots)", *(f"{each.proof_s:.1f}" for each in builds)))
    rows.append(("beside boots, scripts, tests (%)", *(f"{each.overhead_percent}" for each in builds)))
    rows.append(("peak memory of the task (MiB)", *(str(each.task_peak_mib) for each in builds)))
    rows.append(("peak memory of the cloud server (MiB)", *(str(each.server_peak_mib) for each in builds)))
    width = max(len(row[0]) for row in rows)
    for row in [("seconds", *(each.name for each in builds)), *rows]:
        sys.stderr.write(row[0].ljust(width) + "".join(cell.rjust(10) for cell in row[1:]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
