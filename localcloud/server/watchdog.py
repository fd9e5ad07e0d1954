"""One thread that looks at all machines.

It notices guests that ended by themselves and instances that ended an hour ago. It tries ports again that
could not be bound, and asks guests again for volumes that they did not let go of. When the host's disk was
full, it writes down what could not be written and lets the machines go on that QEMU stopped.
"""

from __future__ import annotations

import logging
import threading
import time

from build.errors import MachineError
from localcloud.ec2.host import Host
from localcloud.ec2.install import backends
from localcloud.ec2.rules import instances
from localcloud.server import disk_reserve
from localcloud.server.wsgi import RESERVE_BYTES

_log = logging.getLogger("hubsmith.localcloud.watchdog")

EVERY_S = 0.5
# Each look at whether QEMU has stopped a machine is a conversation with it: rare, but soon after the disk was
# seen full.
ASK_EVERY_S, ASK_AGAIN_S = 20.0, 2.0
# A port that another program of the host had may be free by now, a guest may have unmounted what it used.
KNOCK_EVERY_S = 5.0


class Watchdog:
    """Runs until `stop`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._knock_at = 0.0
        self._ask_at = 0.0  # at once: a server that was killed may have left machines waiting

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(EVERY_S):
            try:
                self._look()
            except Exception:
                _log.exception("unexpected")

    def _look(self) -> None:
        dropped = False
        for backend in backends():
            with self._host.lock:
                running = [found.id for found in backend.local_instances() if found.state == "running"]
                dropped = instances.forget_terminated(backend) or dropped
            for instance_id in running:
                if not self._host.machine(instance_id).is_running():
                    backend.enqueue_instance(instance_id)
        if dropped or self._host.unsaved():
            self._host.save()
        self._try_again()
        self._look_for_space()

    def _try_again(self) -> None:
        """Forwards that could not be made, and busy volumes."""
        now = time.monotonic()
        if now < self._knock_at:
            return
        self._knock_at = now + KNOCK_EVERY_S
        for backend in backends():
            with self._host.lock:
                running = [found for found in backend.local_instances() if found.state == "running"]
                closed = [found.id for found in running if found.forward_problems]
                busy = [
                    found.id
                    for found in running
                    if any(volume.status == "busy" for volume in found.attachments)
                ]
            for instance_id in closed:
                backend.enqueue_forwards(instance_id)
            for instance_id in busy:
                backend.enqueue_instance(instance_id)

    def _look_for_space(self) -> None:
        now = time.monotonic()
        if self._host.free_bytes() < RESERVE_BYTES:
            self._ask_at = min(self._ask_at, now + ASK_AGAIN_S)
        elif now >= self._ask_at:
            self._ask_at = now + ASK_EVERY_S
            disk_reserve.keep(self._host.folder)
            for backend in backends():
                for instance in backend.local_instances():
                    if instance.state in ("running", "stopping"):
                        self._let_go_on(instance.id)

    def _let_go_on(self, instance_id: str) -> None:
        """Continue a machine that stopped for want of space; its guest notices nothing."""
        machine = self._host.machine(instance_id)
        try:
            status = machine.status() if machine.is_running() else ""
            if status == "io-error" or (status == "paused" and instance_id not in self._host.frozen):
                _log.warning("%s: goes on after it was stopped (%s)", instance_id, status)
                machine.go_on()
        except MachineError:
            _log.debug("%s does not answer", instance_id)  # it has just ended, or is at it
