"""What the local cloud itself costs: processor, memory, and time beside the guest's own."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from build.remote.greeting import greets
from localcloud.server import control
from tests.cloud.customer import Customer, until

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Processor seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def idle_cpu_s(cloud: Customer, seconds: float = 10) -> tuple[float, float]:
    """Processor seconds that the server, and all its machines together, use while nobody asks anything."""
    machines = control.machines(cloud.folder).values()
    before = cpu_s(cloud.endpoint.pid), sum(map(cpu_s, machines))
    time.sleep(seconds)
    return cpu_s(cloud.endpoint.pid) - before[0], sum(map(cpu_s, machines)) - before[1]


@dataclass(frozen=True)
class Boot:
    """Seconds from RunInstances to ssh, and from the start of the machine's process to ssh."""

    whole_s: float
    own_s: float

    @property
    def overhead_percent(self) -> float:
        return round(100 * (self.whole_s / self.own_s - 1), 1)


def boot(cloud: Customer) -> tuple[str, Boot]:
    """Launch one instance and time it."""
    group, image, key = cloud.open_group(22), cloud.tiny, cloud.key_name()
    client, began = cloud.client("ec2"), time.time()
    parameters = {
        "ImageId": image,
        "InstanceType": "t3.nano",
        "KeyName": key,
        "SecurityGroupIds": [group],
        "MinCount": 1,
        "MaxCount": 1,
    }
    instance = client.run_instances(**parameters)["Instances"][0]
    until(lambda: greets(instance["PublicIpAddress"]), 180, "ssh")
    ended = time.time()
    started = process_started(control.machines(cloud.folder)[instance["InstanceId"]])
    return instance["InstanceId"], Boot(ended - began, ended - started)


def process_started(pid: int) -> float:
    """When a process began, in seconds since the epoch."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()[19])
    return time.time() - float(Path("/proc/uptime").read_text(encoding="ascii").split()[0]) + ticks / TICKS
