"""The life of the server process: lock, state, machines that still run, requests, and the way down.

SIGTERM   power the guests down, remember which ran, end          (invoke cloud.down)
SIGUSR1   end the guests at once and forget them                  (invoke cloud.reset)
SIGKILL   nothing is lost: machines go on, the state on disk is that of the last answer given
"""

from __future__ import annotations

import fcntl
import json
import logging
import logging.handlers
import os
import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from werkzeug.serving import BaseWSGIServer, make_server

from build.errors import MachineError
from localcloud.cloudformation import install as cloudformation
from localcloud.ec2.host import Host
from localcloud.ec2.install import backends, install, resume
from localcloud.ec2.reconcile import power
from localcloud.faults.consistency import LONGEST_S
from localcloud.moto_patches import codebuild, ssm
from localcloud.ports import ADDRESS, Ports, is_free
from localcloud.server import disk_reserve, objects, settings, state_store
from localcloud.server.dns_and_acme import Names
from localcloud.server.services import SERVICES
from localcloud.server.watchdog import Watchdog
from localcloud.server.wsgi import CloudApp, QuietHandler

_log = logging.getLogger("hubsmith.localcloud.daemon")

DEFAULT_PORT = 5077
ENDPOINT_FILE, LOCK_FILE, LOG_FILE = "endpoint.json", "daemon.lock", "server.log"
LOG_BYTES, LOG_FILES = 4_000_000, 2


def serve(folder: Path, port: int, lock: int | None = None) -> None:
    """Be the server of the cloud in that folder until a signal says otherwise.

    Port 0: the default one if it is free. `lock` is the folder's lock, where whoever started it holds it
    already.

    Raises MachineError when another process serves this folder already, or when the port asked for is taken.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    disk_reserve.release(folder)
    _log_to(folder / LOG_FILE)
    with ExitStack() as stack:
        _lock(folder, stack, lock)
        host = _open_host(folder)
        consistent = _set_consistency(host)
        _restore(host)
        ports = Ports(folder)
        names = Names(host, ports)
        server = _listen(port, ports, CloudApp(host, lambda: _identity(folder, consistent, names)))
        host.url = f"http://{ADDRESS}:{server.port}"
        signals = _signals()
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="http", daemon=True
        ).start()
        resume(host)
        cloudformation.resume()
        watchdog = Watchdog(host)
        watchdog.start()
        names.wait_ready()
        _announce(folder, server.port)
        _log.info("serving %s on port %s, pid %s", folder, server.port, os.getpid())
        _log.info("consistency: %s", consistent)
        reset = os.read(signals, 1)[0] == signal.SIGUSR1
        (folder / ENDPOINT_FILE).unlink(missing_ok=True)
        server.shutdown()
        watchdog.stop()
        names.stop()
        _power_down(host, patience_s=0 if reset else power.POWERDOWN_S)
        _log.info("down")


def _open_host(folder: Path) -> Host:
    """The host of that folder with our services in moto's place; what they knew is not read yet."""
    host = Host(folder)
    host.open()
    install(host)
    cloudformation.install(host)
    codebuild.install()
    ssm.install()
    objects.ObjectFiles.use(folder)
    keeper = state_store.StateStore(folder, SERVICES, host.lock)
    host.save, host.unsaved = keeper.save, lambda: keeper.problem
    host.controller, host.elastic_ip_limit = settings.controller(), settings.elastic_ip_limit()
    host.opted_in = settings.opted_in()
    return host


def _identity(folder: Path, consistent: settings.ConsistencySettings, names: Names) -> dict[str, object]:
    """What the server says of itself at IDENTITY_PATH."""
    return {
        "pid": os.getpid(),
        "folder": str(folder),
        "consistency": str(consistent),
        **names.identity(),
    }


def _log_to(path: Path) -> None:
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    # a full disk is said by those who have something to save, not by each line of the log
    logging.raiseExceptions = False
    logging.getLogger("hubsmith").setLevel(logging.INFO)


def _lock(folder: Path, stack: ExitStack, held: int | None) -> None:
    """Held as long as the process lives, however it ends: the sign that a server is up."""
    if held is not None:
        os.set_inheritable(held, False)  # machines outlive the server
        stack.callback(os.close, held)
        return
    file = stack.enter_context((folder / LOCK_FILE).open("a+", encoding="ascii"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise MachineError(f"another server has {folder}") from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()


def _set_consistency(host: Host) -> settings.ConsistencySettings:
    wanted = settings.consistency(host.folder)
    settings.keep_consistency(host.folder, wanted)
    host.faults.consistency.seed = wanted.seed
    host.faults.consistency.longest_s = LONGEST_S if wanted.mode == settings.EVENTUAL else 0.0
    return wanted


def _restore(host: Host) -> None:
    path = host.folder / state_store.FILE_NAME
    try:
        header = state_store.load(path, SERVICES)
    except state_store.UnreadableStateError as problem:
        aside = _set_aside(host)
        _log.error("%s; it was set aside with its disks in %s and the cloud starts empty", problem, aside)
        return
    objects.restored()
    if header is not None and header.boot_id != state_store.boot_id():
        _log.info("the computer was restarted: starting the instances that ran")
        _mark_running(host, "pending")
    _end_orphans(host)


def _set_aside(host: Host) -> Path:
    """Move an unreadable state and all it names out of the way; nothing is deleted."""
    _end_orphans(host)
    aside = host.folder / f"unreadable-{time.strftime('%Y%m%d-%H%M%S')}"
    aside.mkdir(mode=0o700)
    for name in (state_store.FILE_NAME, "layers", "machines", objects.FOLDER):
        if (host.folder / name).exists():
            (host.folder / name).rename(aside / name)
    host.open()
    objects.ObjectFiles.use(host.folder)
    return aside


def _end_orphans(host: Host) -> None:
    """Machines no instance of the model stands for are ended."""
    known = {instance.id for backend in backends() for instance in backend.local_instances()}
    for folder in host.machines_folder.iterdir():
        if folder.name not in known:
            _log.warning("%s: no such instance, ending its machine", folder.name)
            host.machine(folder.name).quit()


def _mark_running(host: Host, state_name: str) -> None:
    for backend in backends():
        for instance in backend.local_instances():
            if instance.state == "running":
                instance.become(state_name)
    host.save()


def _listen(port: int, ports: Ports, app: CloudApp) -> BaseWSGIServer:
    if port and not is_free(port):
        raise MachineError(f"port {port} is taken", hint="choose another with HUBSMITH_CLOUD_PORT")
    wanted = port or ports.choose("api", DEFAULT_PORT)
    ports.keep("api", wanted)
    return make_server(ADDRESS, wanted, app, threaded=True, request_handler=QuietHandler)


def _announce(folder: Path, port: int) -> None:
    draft = folder / f"{ENDPOINT_FILE}.new"
    draft.write_text(json.dumps({"pid": os.getpid(), "port": port}), encoding="utf-8")
    draft.replace(folder / ENDPOINT_FILE)


def _signals() -> int:
    """Where the signals that end the server arrive: a file descriptor, a byte each.

    Not a queue that their handlers fill: Python runs those in the main thread, which does not wake up when
    another one took the signal. Handlers, not a blocked mask: QEMU would inherit the mask.
    """
    received, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup)
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return received


def _power_down(host: Host, patience_s: float) -> None:
    """End every machine; instances that ran are "pending" from now on, so that the next start boots them."""
    with host.lock:
        _mark_running(host, "pending")
    host.work_queue.close()
    _end_machines(host, patience_s)
    host.work_queue.wait_idle(power.POWERDOWN_S)
    _end_machines(host, 0)  # one that was being started meanwhile
    with host.lock:
        _mark_running(host, "pending")
    host.close()


def _end_machines(host: Host, patience_s: float) -> None:
    instances = [instance for backend in backends() for instance in backend.local_instances()]
    threads = [
        threading.Thread(target=power.off, args=(instance, host.machine(instance.id), patience_s))
        for instance in instances
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
