"""`make bench-cloud`: what the local cloud costs beside its guests, with the tiny image.

One JSON document on stdout.

ARGS=--soak measures something else: whether QEMU makes machines panic or stand still (soak.py).
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from build.remote.greeting import greets
from localcloud import base_image
from localcloud.server import control
from tests import soak
from tests.cloud.costs import boot, idle_cpu_s
from tests.cloud.customer import Customer, Key, until

BOOTS, AT_ONCE = 5, 10


def main() -> None:
    base_image.ensure("tiny", progress=lambda _: None)
    with tempfile.TemporaryDirectory(prefix="hubsmith-bench-") as folder:
        place = Path(folder) / "cloud"
        cloud = Customer(control.ensure_up(place, port=0), place, Key.make(Path(folder) / "key"))
        try:
            figures = measure(cloud)
        finally:
            control.reset(place)
    for name, figure in figures.items():
        sys.stderr.write(f"{name.ljust(60)}{figure:10.2f}\n")
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


def measure(cloud: Customer) -> dict[str, float]:
    """One machine after the other, one idling, ten at once."""
    boots = []
    for _ in range(BOOTS):
        instance_id, measured = boot(cloud)
        boots.append(measured)
        cloud.end(instance_id)
    boot(cloud)
    time.sleep(2)
    of_the_server, of_the_machine = idle_cpu_s(cloud)
    return {
        "run-instances to ssh, median (s)": statistics.median(found.whole_s for found in boots),
        "the guest's own boot, median (s)": statistics.median(found.own_s for found in boots),
        "beside the guest's own boot, median (%)": statistics.median(
            found.overhead_percent for found in boots
        ),
        "processor of the server, 10 s idle with one machine (s)": of_the_server,
        "processor of that machine, 10 s idle (s)": of_the_machine,
        **at_once(cloud),
    }


def at_once(cloud: Customer) -> dict[str, float]:
    ec2, group = cloud.client("ec2"), cloud.open_group(22)
    parameters: dict[str, Any] = {
        "ImageId": cloud.tiny,
        "InstanceType": "t3.nano",
        "SecurityGroupIds": [group],
    }
    began = time.monotonic()
    for instance in ec2.run_instances(**parameters, MinCount=AT_ONCE, MaxCount=AT_ONCE)["Instances"]:
        until(lambda address=instance["PublicIpAddress"]: greets(address), 600, "ssh")  # type: ignore[misc]
    seconds = time.monotonic() - began
    time.sleep(2)
    return {
        f"{AT_ONCE} machines at once to ssh (s)": seconds,
        f"processor of the server, 10 s idle with {AT_ONCE + 1} machines (s)": idle_cpu_s(cloud)[0],
        "memory of the server (MiB)": float(control.status(cloud.folder).resident_mib or 0),
    }


if __name__ == "__main__":
    if "--soak" in sys.argv:
        sys.exit(soak.main(sys.argv[1:]))
    main()
