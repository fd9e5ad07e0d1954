"""Tells systemd that the hub's event loop turns; WatchdogSec= of jupyterhub.service kills a hanging one.

Users' servers go on meanwhile. The protocol is that of sd_notify(3).
"""

from __future__ import annotations

import os
import socket

from tornado.ioloop import PeriodicCallback

_LIMIT_S = 60
_EVERY_S = 5


def start() -> None:
    """Tell it from now on, from within the event loop.

    The unit's own limit is for the start; this one for a hub that runs.
    """
    if "NOTIFY_SOCKET" not in os.environ:
        return
    _tell(f"WATCHDOG_USEC={_LIMIT_S * 1_000_000}")
    PeriodicCallback(lambda: _tell("WATCHDOG=1"), _EVERY_S * 1000).start()


def _tell(message: str) -> None:
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to_systemd:
        to_systemd.connect("\0" + address[1:] if address.startswith("@") else address)
        to_systemd.send(message.encode())
