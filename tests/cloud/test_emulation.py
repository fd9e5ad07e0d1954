"""A machine whose one processor moves a device about while the other one is woken by its timer loses no interrupt."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cloud.customer import Customer

pytestmark = [pytest.mark.vm, pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs a second processor")]

# The second processor turns the memory of the random number generator off and on, as Linux does with every device when it starts.
MOVE = r"""
for device in /sys/bus/pci/devices/*; do grep -q -e 0x1005 -e 0x1044 $device/device && break; done
echo ${device##*/} > $device/driver/unbind
while :; do for on in 0 7; do printf "\00$on\000" | dd of=$device/config bs=2 seek=2 count=1 conv=notrunc 2>/dev/null; done; done
"""
# Without a timer the first one sleeps for ever.
COUNT = "n=0; while [ $n -lt 1200 ]; do taskset 1 usleep 100; n=$((n+1)); done; echo awake"


def _moved(cloud: Customer, instance: dict[str, object]) -> str:
    cloud.ssh(instance, f"cat > /run/move <<'end'\n{MOVE}end\ntaskset 2 sh /run/move >/dev/null 2>&1 &")
    return cloud.ssh(instance, COUNT, timeout_s=240)


@pytest.mark.exhaustive
def test_no_interrupt_is_lost_while_a_device_is_moved(cloud: Customer) -> None:
    group = cloud.open_group(22)
    # Four of two processors each: on a host with fewer, QEMU's threads are stopped in the middle of anything.
    ids = [cloud.run(InstanceType="t3.micro", SecurityGroupIds=[group])["InstanceId"] for _ in range(4)]
    instances = [cloud.wait_for(instance_id, "running") for instance_id in ids]
    with ThreadPoolExecutor(len(ids)) as pool:
        assert list(pool.map(lambda instance: _moved(cloud, instance), instances)) == ["awake\n"] * len(ids)
    for instance_id in ids:
        cloud.end(instance_id)
    cloud.client("ec2").delete_security_group(GroupId=group)
