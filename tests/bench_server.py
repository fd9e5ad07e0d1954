"""Cost of a user's server on machines of different images, side by side:

    python -m tests.bench_server before=RUN/ssh-candidate-1/ssh_config after=RUN/ssh-candidate-1/ssh_config

Each argument is a name and the ssh configuration of a machine, as a build that ended with
`--on-failure=keep` leaves it. The machines take turns, so that a busy host slows them all. For each it prints
the median and the range of

- the seconds from "Start My Server" until the server answers, and the processor seconds of that start,
- the MiB of memory that the idle server has to itself (`anon` of its unit's memory.stat),
- the MB/s of a terminal's output through its websocket,
- the MB/s of the download of a file of 100 MB.

`--rounds N` is how often each is measured (5).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import testinfra
from testinfra.host import Host

sys.path.insert(0, str(Path(__file__).with_name("image")))

from hub_client import HubClient, trusting
from kernel_client import Kernel
from unix_users import unit_of, unix_user

ALIAS = "instance"
FILE_BYTES, TERMINAL_BYTES = 100 * 10**6, 5 * 10**6
SETTLED_S = 10
Figures = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("machines", nargs="+", metavar="NAME=SSH_CONFIG")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    machines = {name: Path(config) for name, _, config in (one.partition("=") for one in options.machines)}
    figures: dict[str, Figures] = {name: {} for name in machines}
    for number in range(options.rounds + 1):
        for name, config in machines.items():
            for what, value in measure(config).items():
                if number:  # the first fills the machine's page cache
                    figures[name].setdefault(what, []).append(value)
                sys.stderr.write(f"{name} {number}: {what} {value:.2f}\n")
    sys.stdout.write(f"{table(figures)}\n")


def measure(config: Path) -> dict[str, float]:
    """One round on one machine."""
    host = testinfra.get_host(f"ssh://{ALIAS}", ssh_config=str(config))
    with unix_user(host) as user, browser(config, host) as session:
        session.login(user)
        started = time.monotonic()
        session.start_server()
        found = {"start, s": time.monotonic() - started}
        unit = unit_of(user)
        found["start, processor s"] = shown(host, unit, "CPUUsageNSec") / 1e9
        time.sleep(SETTLED_S)
        found["idle, MiB"] = anonymous_bytes(host, unit) / 2**20
        found["terminal, MB/s"] = terminal_speed(session)
        found["download, MB/s"] = download_speed(session)
        session.stop_server()
    return found


@contextmanager
def browser(config: Path, host: Host) -> Iterator[HubClient]:
    with host.sudo():
        certificate = host.check_output("cat /etc/hubsmith/tls/fullchain.pem")
    with HubClient(f"https://{address(config)}", trusting(certificate)) as session:
        yield session


def address(config: Path) -> str:
    printed = subprocess.run(
        ["ssh", "-F", str(config), "-G", ALIAS], capture_output=True, text=True, check=True
    ).stdout
    return dict(line.split(" ", 1) for line in printed.splitlines() if " " in line)["hostname"]


def shown(host: Host, unit: str, name: str) -> int:
    return int(host.check_output("systemctl show --property=%s --value %s", name, unit))


def anonymous_bytes(host: Host, unit: str) -> int:
    cgroup = host.check_output("systemctl show --property=ControlGroup --value %s", unit)
    with host.sudo():
        lines = host.check_output("cat %s", f"/sys/fs/cgroup{cgroup}/memory.stat").splitlines()
    return int(dict(line.split() for line in lines)["anon"])


def terminal_speed(session: HubClient) -> float:
    answer = session.server_api("POST", "terminals")
    answer.raise_for_status()
    socket = session.socket(f"{session.base()}terminals/websocket/{answer.json()['name']}")
    received, end = 0, f"{TERMINAL_BYTES:,} done"
    socket.send(
        json.dumps(["stdin", f"head -c {TERMINAL_BYTES} /dev/zero | tr '\\0' x; printf '%s' '{end}'\r"])
    )
    started = time.monotonic()
    tail = ""
    while received < TERMINAL_BYTES or end not in tail:
        kind, *content = json.loads(socket.recv())
        if kind == "stdout":
            received += len(content[0])
            tail = (tail + content[0])[-2 * len(end) :]
    seconds = time.monotonic() - started
    socket.close()
    return received / 1e6 / seconds


def download_speed(session: HubClient) -> float:
    with Kernel.start(session) as kernel:
        kernel.run(f"import os; open('large.bin', 'wb').write(os.urandom({FILE_BYTES}))")
    started, received = time.monotonic(), 0
    with session.session.get(
        f"{session.servers_url}{session.base()}files/large.bin", stream=True, timeout=600
    ) as answer:
        answer.raise_for_status()
        for piece in answer.iter_content(2**20):
            received += len(piece)
    assert received == FILE_BYTES
    return received / 1e6 / (time.monotonic() - started)


def table(figures: dict[str, Figures]) -> str:
    """A row for each figure, a column for each machine: median (least to most)."""
    rows = [["", *figures]]
    for what in next(iter(figures.values())):
        columns = [found[what] for found in figures.values()]
        rows.append(
            [what, *(f"{statistics.median(one):.2f} ({min(one):.2f} to {max(one):.2f})" for one in columns)]
        )
    return "\n".join("".join(cell.ljust(30) for cell in row).rstrip() for row in rows)


if __name__ == "__main__":
    main()
