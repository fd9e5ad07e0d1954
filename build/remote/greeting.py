"""Whether an ssh server is there.

Cheaper than a login while a machine boots, and sshd does not count it as a failed one.
"""

from __future__ import annotations

import selectors
import socket
import time
from contextlib import ExitStack

_ANOTHER_EVERY_S = 0.5
_BEGIN = b"SSH-"  # RFC 4253, 4.2


def greets(address: str, port: int = 22, timeout_s: float = 3) -> bool:
    """Whether an ssh server greets within ``timeout_s`` seconds.

    A connection begun while the machine boots can be accepted on its behalf (by QEMU's forwarding, say) and
    hear of its server seconds after that is there, when a lost packet is sent again. So another one is opened
    every half second, and the first greeting counts.
    """
    deadline = time.monotonic() + timeout_s
    with ExitStack() as stack, selectors.DefaultSelector() as waiting:
        while (left := deadline - time.monotonic()) > 0:
            another = time.monotonic() + min(_ANOTHER_EVERY_S, left)
            try:
                connection = stack.enter_context(socket.create_connection((address, port), left))
            except OSError:
                return False
            waiting.register(connection, selectors.EVENT_READ)
            while waiting.get_map() and (pause := another - time.monotonic()) > 0:
                for key, _ in waiting.select(pause):
                    if _begins_well(key.fileobj):
                        return True
                    waiting.unregister(key.fileobj)
            time.sleep(max(0.0, another - time.monotonic()))
    return False


def _begins_well(connection: object) -> bool:
    assert isinstance(connection, socket.socket)
    try:
        return connection.recv(len(_BEGIN)) == _BEGIN
    except OSError:
        return False
