"""The local cloud as tasks see it: up, down, status, reset.

The server itself is a process of its own (daemon.py).

python -m localcloud.server.control --state FOLDER [--port N]       runs it in the foreground
"""

from __future__ import annotations

import argparse
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from build import paths
from build.errors import MachineError, UserError
from localcloud import doctor
from localcloud.machine import emulator
from localcloud.server import disk_reserve, own_files
from localcloud.server.endpoint import ACCOUNT, ADDRESS, GUESTS_VIEW, Endpoint, find, is_locked
from localcloud.server.status import Status, default_folder, folder_of, machines, status

__all__ = [
    "ACCOUNT",
    "ADDRESS",
    "GUESTS_VIEW",
    "Endpoint",
    "Status",
    "check_reset",
    "default_folder",
    "down",
    "ensure_up",
    "environment",
    "find",
    "machines",
    "reset",
    "status",
]

PORT_VARIABLE = "HUBSMITH_CLOUD_PORT"
MAX_PORT = 65535
UP_TIMEOUT_S, DOWN_TIMEOUT_S, PID_TIMEOUT_S = 60.0, 300.0, 5.0
_REPOSITORY = Path(__file__).resolve().parents[2]

Progress = Callable[[str], None]


def _silent(_: str) -> None:
    """Report nothing."""


def ensure_up(state: Path | None = None, port: int | None = None, progress: Progress = _silent) -> Endpoint:
    """Start the server if it is not up, with the instances that ran before; wait until it answers.

    port None: HUBSMITH_CLOUD_PORT, else 5077 if it is free, else any. Raises MachineError with the end of its
    log, or with the line that lets this user open the instances' ports.
    """
    folder = folder_of(state)
    if endpoint := find(folder):
        return endpoint
    _check_environment(folder)
    require_host()
    emulator.ensure(progress)
    progress("starting the local cloud")
    process = _spawn(folder, _wanted_port() if port is None else port)
    try:
        endpoint = _wait_until_up(folder, process)
    except BaseException:  # Ctrl-C: nobody has seen it yet, and nobody would expect it to go on
        if process is not None:
            process.terminate()
            process.wait()
        raise
    if endpoint is None:
        raise MachineError("the local cloud did not come up", hint=_log_tail(folder))
    return endpoint


def _wait_until_up(folder: Path, process: subprocess.Popen[bytes] | None) -> Endpoint | None:
    """The endpoint of the server that is coming up; None when it has ended, or takes too long."""
    deadline = time.monotonic() + UP_TIMEOUT_S
    while time.monotonic() < deadline:
        if endpoint := find(folder):
            if process is not None:
                # Somebody has to wait for a child, or it stays as a zombie after its end.
                threading.Thread(target=process.wait, daemon=True).start()
            return endpoint
        if (process is None or process.poll() is not None) and not is_locked(folder):
            return None
        time.sleep(0.05)
    return None


def _wanted_port() -> int:
    wanted = os.environ.get(PORT_VARIABLE) or "0"
    if not wanted.isdecimal() or int(wanted) > MAX_PORT:
        raise UserError(
            f"{PORT_VARIABLE}={wanted}: not a port", hint=f"a number from 1 to {MAX_PORT}, or nothing"
        )
    return int(wanted)


def _check_environment(folder: Path) -> None:
    """Raise UserError for what the server would refuse, whose words nobody sees."""
    from localcloud.server import settings

    _wanted_port()
    settings.controller()
    settings.elastic_ip_limit()
    settings.opted_in()
    settings.consistency(folder)


def require_host() -> None:
    """Raise UserError or MachineError, with a hint, when the server or its addresses could not work."""
    libraries, ports = doctor.libraries(), doctor.low_ports()
    if not libraries.ok:
        raise UserError(
            f"the local cloud's libraries are {libraries.detail}",
            hint=f"run `{libraries.remedy}`; --cloud aws needs none of them",
        )
    if not ports.ok:
        raise MachineError(
            f"the local cloud cannot work for this user: {ports.needed_for}, and {ports.detail}",
            hint=f"run: {ports.remedy}",
        )


def _spawn(folder: Path, port: int) -> subprocess.Popen[bytes] | None:
    """The server's process; None where another one comes up already.

    The lock is taken here and handed on, so that `down` sees a server from the moment it is started.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "daemon.lock").open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return None
        lock.truncate(0)
        with (folder / "server.out").open("wb") as output:
            process = subprocess.Popen(
                _command(folder, port, lock.fileno()),
                cwd=_REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[lock.fileno()],
                start_new_session=True,  # Ctrl-C at the task is not for the cloud
            )
        lock.write(str(process.pid))
    return process


def _command(folder: Path, port: int, lock: int) -> list[str]:
    where = ("--state", str(folder), "--port", str(port), "--lock", str(lock))
    return [sys.executable, "-m", "localcloud.server.control", *where]


def _log_tail(folder: Path) -> str:
    for name in ("server.out", "server.log"):
        path = folder / name
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        if lines:
            return f"{path}: " + " | ".join(lines[-3:])
    if shutil.disk_usage(folder).free < disk_reserve.SIZE:
        return f"the disk is full: {folder} is on it"
    return f"nothing was logged in {folder}"


def down(state: Path | None = None, progress: Progress = _silent) -> None:
    """Power the guests down and end the server; `ensure_up` starts those guests again."""
    folder = folder_of(state)
    if not is_locked(folder) and machines(folder):
        # Only a server knows how to end machines and keep the books; this one adopts those a killed one left.
        ensure_up(folder, progress=progress)
    progress(f"shutting down {len(machines(folder))} machine(s)")
    _end_server(folder, signal.SIGTERM)


def reset(state: Path | None = None, progress: Progress = _silent, *, cache: bool = False) -> None:
    """End every machine at once, and forget everything: instances, images, volumes, zones, parameters; cache:
    the base images too.

    Only what Hubsmith has made is removed. Raises UserError where a folder has nothing of that.
    """
    # Imported here: tasks that only look at the cloud need none of the machinery.
    from localcloud.acme.pebble import end_orphan
    from localcloud.ec2.host import runtime_folder
    from localcloud.machine.address_pool import AddressPool
    from localcloud.machine.machine import Machine

    folder = folder_of(state)
    check_reset(folder, cache=cache)
    progress("ending the machines")
    _end_server(folder, signal.SIGUSR1)
    for instance_id in machines(folder):
        Machine(folder / "machines" / instance_id, runtime_folder(folder)).quit()
    end_orphan(folder)
    AddressPool(folder).close()
    shutil.rmtree(runtime_folder(folder), ignore_errors=True)
    own_files.remove(folder, own_files.CLOUD)
    if cache:
        progress("emptying the cache")
        own_files.remove(paths.cache_dir(), own_files.CACHE)


def check_reset(folder: Path, *, cache: bool) -> None:
    """Raise UserError when one of the folders that `reset` would empty has only other things in it."""
    own_files.check(folder, own_files.CLOUD, "HUBSMITH_STATE")
    if cache:
        own_files.check(paths.cache_dir(), own_files.CACHE, "HUBSMITH_CACHE")


def _end_server(folder: Path, number: signal.Signals) -> None:
    """Send the server a signal and wait until its process has ended; nothing if there is none."""
    if not is_locked(folder):
        return
    pid = _server_pid(folder)
    process = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(process, number)
        if not select.select([process], [], [], DOWN_TIMEOUT_S)[0]:
            raise MachineError(
                f"the local cloud (pid {pid}) did not end in {DOWN_TIMEOUT_S:.0f} s", hint=_log_tail(folder)
            )
    finally:
        os.close(process)


def _server_pid(folder: Path) -> int:
    """Whose lock it is; written a moment after the lock is taken."""
    deadline = time.monotonic() + PID_TIMEOUT_S
    while not (said := (folder / "daemon.lock").read_text(encoding="ascii").strip()):
        if time.monotonic() > deadline:
            raise MachineError(f"{folder / 'daemon.lock'} is held by a process that it does not name")
        time.sleep(0.01)
    return int(said)


def environment(endpoint: Endpoint) -> dict[str, str]:
    """What makes any AWS client talk to this cloud: boto3, aws CLI (2.13 or PyPI's), Packer, Terraform."""
    return {
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_ACCESS_KEY_ID": endpoint.access_key,
        "AWS_SECRET_ACCESS_KEY": endpoint.secret_key,
        "AWS_REGION": endpoint.region,
        "AWS_DEFAULT_REGION": endpoint.region,
        # Some clients would ask the real IMDS for credentials first and wait for it.
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def main() -> int:
    """Run the server in the foreground."""
    parser = argparse.ArgumentParser(
        prog="python -m localcloud.server.control", description="The local cloud's server."
    )
    parser.add_argument("--state", type=Path, required=True, help="the folder of this cloud")
    parser.add_argument("--port", type=int, default=0, help="the port; 0: 5077 if it is free, else any")
    parser.add_argument("--lock", type=int, help="open file descriptor of daemon.lock, which is held already")
    options = parser.parse_args()
    from localcloud.server import daemon

    daemon.serve(options.state.absolute(), options.port, options.lock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
