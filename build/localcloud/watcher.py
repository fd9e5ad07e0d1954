"""One thread that looks at all machines: it notices guests that ended by themselves and instances that ended an hour ago."""

from __future__ import annotations

import logging
import threading

from build.localcloud.ec2 import instances
from build.localcloud.ec2.host import Host
from build.localcloud.ec2.install import backends

_log = logging.getLogger("hubsmith.localcloud.watcher")

EVERY_S = 0.5


class Watcher:
    """Runs until `stop`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

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
                    backend.wake_instance(instance_id)
        if dropped:
            self._host.save()
