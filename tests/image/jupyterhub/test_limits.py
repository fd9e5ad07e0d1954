"""The limits that users' servers run under: memory, processors, processes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from hub_client import HubClient, HubUser
from kernel_client import Kernel
from testinfra.host import Host
from unix_users import properties_of, slice_of, unit_of

pytestmark = pytest.mark.usefixtures("booted")

FORK_BOMB = """
import os, signal, subprocess, sys
bomb = '''
import os, time
count = 0
try:
    while count < 20_000:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
        count += 1
except OSError:
    pass
print(count, flush=True)
time.sleep(600)
'''
process = subprocess.Popen(
    [sys.executable, "-S", "-c", bomb], stdout=subprocess.PIPE, text=True, start_new_session=True
)
print(process.stdout.readline())
"""


@pytest.fixture
def neighbour(root: Host) -> Iterator[Callable[[], int]]:
    """Another user's work among the servers, which ticks five times a second; called, it says how often it
    did so far.
    """
    ticks = "/run/hubsmith-neighbour/ticks"
    options = (
        "--quiet --unit hubsmith-neighbour --slice jupyter.slice --uid nobody --property "
        "RuntimeDirectory=hubsmith-neighbour"
    )
    root.check_output(f"systemd-run {options} -- sh -c %s", f"while sleep 0.2; do echo tick; done > {ticks}")
    root.check_output(f"timeout 30 sh -c 'until [ -s {ticks} ]; do sleep 0.1; done'")
    yield lambda: int(root.check_output(f"wc -l < {ticks}"))
    root.check_output("systemctl stop hubsmith-neighbour")


class TestLimits:
    def test_the_unit_has_those_of_the_configuration(
        self, kernel: Kernel, root: Host, hub_user: HubUser
    ) -> None:
        told = kernel.run(
            "import os; print(os.environ.get('MEM_LIMIT', 'infinity'), os.environ.get('CPU_LIMIT', "
            "'infinity'))"
        )
        memory, cpus = told.split()
        for unit in (unit_of(hub_user), slice_of(root, hub_user)):
            limits = properties_of(root, unit, "MemoryMax", "CPUQuotaPerSecUSec", "TasksMax")
            assert limits["MemoryMax"] == memory
            assert processors(limits["CPUQuotaPerSecUSec"]) == pytest.approx(float(cpus), abs=0.01)
            assert limits["TasksMax"].isdigit()

    def test_each_user_has_a_slice_and_nobody_is_in_anothers(
        self, notebook: HubClient, root: Host, hub_user: HubUser
    ) -> None:
        own = slice_of(root, hub_user)
        assert (
            properties_of(root, unit_of(hub_user), "ControlGroup")["ControlGroup"]
            == f"/jupyter.slice/{own}/{unit_of(hub_user)}"
        )

    def test_a_server_is_without_the_hubs_database(
        self, notebook: HubClient, root: Host, hub_user: HubUser
    ) -> None:
        """It would be a third of the server's memory."""
        if root.file("/opt/anaconda/conda-meta").is_directory:
            pytest.skip("what conda or its installer brings may load it")
        server = properties_of(root, unit_of(hub_user), "MainPID")["MainPID"]
        assert "python" in (maps := root.file(f"/proc/{server}/maps").content_string)
        assert "sqlalchemy" not in maps

    def test_all_servers_together_leave_the_hub_its_share(self, root: Host) -> None:
        limit = int(properties_of(root, "jupyter.slice", "MemoryMax")["MemoryMax"])
        assert (
            0.8 < limit / (int(root.check_output("awk '/MemTotal/ {print $2}' /proc/meminfo")) * 1024) < 0.9
        )

    @pytest.mark.usefixtures("heavy", "exclusive")
    def test_a_hog_of_memory_is_ended_and_nobody_else(
        self, kernel: Kernel, notebook: HubClient, root: Host, hub_user: HubUser, neighbour: Callable[[], int]
    ) -> None:
        before = neighbour()
        limit = int(properties_of(root, unit_of(hub_user), "MemoryMax")["MemoryMax"])
        hog = (
            f"import mmap; m = mmap.mmap(-1, {limit + 2**28}); [m.__setitem__(i, 1) for i in range(0, "
            "len(m), 4096)]"
        )
        done = kernel.run(
            f"import subprocess, sys; print(subprocess.run([sys.executable, '-S', '-c', {hog!r}]).returncode)"
        )
        assert done == "-9"
        assert neighbour() > before
        assert kernel.run("6*7") == "42"
        assert notebook.get("/hub/health").ok

    @pytest.mark.usefixtures("heavy", "exclusive")
    def test_a_hog_of_processors_gets_its_share(
        self, kernel: Kernel, notebook: HubClient, root: Host, hub_user: HubUser, neighbour: Callable[[], int]
    ) -> None:
        share = processors(properties_of(root, unit_of(hub_user), "CPUQuotaPerSecUSec")["CPUQuotaPerSecUSec"])
        kernel.run("import os, subprocess, sys; hog = [sys.executable, '-S', '-c', 'while 1: 0']")
        kernel.run("hogs = [subprocess.Popen(hog) for _ in range(os.cpu_count())]")
        # Another of the user's servers, as far as a slice is concerned.
        beside = f"--quiet --unit hubsmith-hog --slice {slice_of(root, hub_user)} --uid {hub_user.name}"
        root.check_output(f"systemd-run {beside} -- sh -c 'while :; do :; done'")
        try:
            before, used, seconds = neighbour(), cpu_seconds(root, slice_of(root, hub_user)), time.monotonic()
            answered = time.monotonic()
            assert notebook.get("/hub/health").ok
            assert time.monotonic() - answered < 10
            time.sleep(5)
            took = (cpu_seconds(root, slice_of(root, hub_user)) - used) / (time.monotonic() - seconds)
            assert neighbour() - before > 5
        finally:
            root.check_output("systemctl stop hubsmith-hog")
            kernel.run("[hog.kill() for hog in hogs]")
        assert share * 0.5 < took < share * 1.15

    @pytest.mark.usefixtures("heavy", "exclusive")
    def test_a_fork_bomb_stays_within_its_server(
        self, kernel: Kernel, notebook: HubClient, root: Host, hub_user: HubUser, neighbour: Callable[[], int]
    ) -> None:
        limit = int(properties_of(root, unit_of(hub_user), "TasksMax")["TasksMax"])
        try:
            count = int(kernel.run(FORK_BOMB))
            assert limit / 2 < count < limit
            assert notebook.get("/hub/health").ok
            before = neighbour()
            time.sleep(2)
            assert neighbour() > before  # each tick of it is a new process
        finally:
            kernel.run("os.killpg(process.pid, signal.SIGKILL)")
        assert kernel.run("6*7") == "42"


def cpu_seconds(root: Host, unit: str) -> float:
    return int(properties_of(root, unit, "CPUUsageNSec")["CPUUsageNSec"]) / 1e9


def processors(time_per_second: str) -> float:
    """What systemd shows as 1.500000s, 1s 500ms, 500ms or infinity."""
    if time_per_second == "infinity":
        return float("inf")
    units = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
    return sum(
        float(number) * units[unit] for number, unit in re.findall(r"([0-9.]+)(s|ms|us)", time_per_second)
    )
