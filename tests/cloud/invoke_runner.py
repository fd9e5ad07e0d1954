"""`invoke` as a user calls it, with a state folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from localcloud.faults.consistency import CONSISTENT_AGENT

REPO = Path(__file__).parents[2]
TINY = REPO / "tests" / "cloud" / "tiny" / "manifest.yaml"
INVOKE = Path(sys.executable).with_name("invoke")


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    status: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """The last line of stdout: the id a task made."""
        return self.out.strip().splitlines()[-1] if self.out.strip() else ""


@dataclass
class Running:
    """A command under way; ``lines`` is what it said on stderr so far, ``out`` on stdout at its end."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    out: str = ""

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend([])
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, words: str, timeout_s: float = 240) -> None:
        """Wait until a line on stderr holds ``words``."""
        deadline = time.monotonic() + timeout_s
        while not any(words in line for line in self.lines):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"never said '{words}':\n" + "\n".join(self.lines))
            time.sleep(0.1)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It stands still for the block, wherever it is."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """Interrupt it and wait for the exit status."""
        return self.end(signal.SIGINT)

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait for the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(timeout=180)
        self._reader.join(timeout=10)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out = self.process.stdout.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return status


def as_on_a_terminal() -> dict[str, str]:
    """This environment without what tells a command that a CI or systemd's journal keeps what it says, and
    without what has each compile its modules anew.
    """
    others = ("CI", "JOURNAL_STREAM", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if name not in others}


@dataclass(frozen=True)
class InvokeRunner:
    """A user's machine: a state folder, a local cloud in it, and the commands."""

    state: Path
    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        return {**as_on_a_terminal(), "HUBSMITH_STATE": str(self.state), "COLUMNS": "80"}

    @property
    def checkout(self) -> Path:
        """Where tasks are run."""
        return REPO

    def invoke(self, *arguments: str, timeout_s: float = 600) -> Done:
        """Run a task to its end."""
        command = [str(INVOKE), *arguments]
        done = subprocess.run(
            command,
            cwd=self.checkout,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def build(self, *arguments: str) -> Done:
        """Build the tiny image."""
        return self.invoke("build-ami", "--manifest", str(TINY), *arguments)

    def start_build(self, *arguments: str) -> Running:
        """Begin to build the tiny image."""
        return self.start("build-ami", "--manifest", str(TINY), *arguments)

    def start(self, *arguments: str) -> Running:
        """Begin a task."""
        command = [str(INVOKE), *arguments]
        return Running(
            subprocess.Popen(
                command,
                cwd=self.checkout,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """A boto3 client of the cloud that knows at once what is new, so that a test need not wait."""
        session: Any = boto3.Session()  # whose stubs want the service as a literal
        return session.client(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(user_agent_extra=CONSISTENT_AGENT),
        )

    def listing(self) -> dict[str, list[str]]:
        """Everything the API lists that somebody would pay for or trip over."""
        ec2 = self.client("ec2")
        reservations = ec2.describe_instances(
            Filters=[
                {
                    "Name": "instance-state-name",
                    "Values": ["pending", "running", "shutting-down", "stopping", "stopped"],
                }
            ]
        )["Reservations"]
        return {
            "instances": sorted(i["InstanceId"] for r in reservations for i in r["Instances"]),
            "volumes": sorted(v["VolumeId"] for v in ec2.describe_volumes()["Volumes"]),
            "images": sorted(i["ImageId"] for i in ec2.describe_images(Owners=["self"])["Images"]),
            "snapshots": sorted(
                s["SnapshotId"] for s in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
            ),
            "groups": sorted(g["GroupId"] for g in ec2.describe_security_groups()["SecurityGroups"]),
            "keys": sorted(k["KeyName"] for k in ec2.describe_key_pairs()["KeyPairs"]),
            "interfaces": sorted(
                n["NetworkInterfaceId"] for n in ec2.describe_network_interfaces()["NetworkInterfaces"]
            ),
            "addresses": sorted(a["PublicIp"] for a in ec2.describe_addresses()["Addresses"]),
        }

    def record(self, image_id: str) -> dict[str, Any]:
        """The record of an image."""
        found: dict[str, Any] = json.loads(
            (self.state / "records" / f"{image_id}.json").read_text(encoding="utf-8")
        )
        return found


@dataclass(frozen=True)
class Build:
    """A build that succeeded, and what the API listed before and after it."""

    done: Done
    before: dict[str, list[str]]
    after: dict[str, list[str]]

    @classmethod
    def of(cls, runner: InvokeRunner) -> Build:
        """Build the tiny image."""
        before = runner.listing()
        done = runner.build()
        assert done.status == 0, done.err
        return cls(done, before, runner.listing())


def eventually(look: Callable[[], bool], timeout_s: float = 60) -> bool:
    """Whether ``look`` becomes true in time."""
    deadline = time.monotonic() + timeout_s
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True
