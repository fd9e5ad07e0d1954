"""GetConsoleOutput: what the serial console said a while after the last start, or what it says now.

EC2 user guide, "Instance console output": EC2 posts the output some time after an instance has started,
rebooted or ended, and does not update it in between. The latest output is there on Nitro instances only.
"""

from __future__ import annotations

import base64
import time

from localcloud.ec2.backend import LocalBackend
from localcloud.ec2.errors import Ec2Error
from localcloud.ec2.models import LocalInstance
from localcloud.ec2.rules import instance_types

LIMIT = 64 * 1024  # bytes
_ENDED = ("stopped", "terminated")


def latest(backend: LocalBackend, instance_id: str) -> str:
    """What it says now, in base64; raises EC2's error for an instance on Xen."""
    instance = backend.instance(instance_id)
    if not instance_types.is_nitro(instance.instance_type):
        raise Ec2Error(
            "UnsupportedOperation",
            "This instance type does not support retrieving the latest console logs. Only instance types on "
            "the Nitro hypervisor support this option. You can retrieve the cached console logs without this "
            "option.",
        )
    return _encoded(instance, _now(backend, instance))


def posted(backend: LocalBackend, instance_id: str) -> str:
    """What EC2 has posted, in base64: what an earlier boot said, or nothing, until it posts again."""
    instance, host = backend.instance(instance_id), backend.host
    is_due = time.time() >= instance.booted_at + host.pace.console_s
    is_new = (
        instance.posted_of != instance.booted_at
        and is_due
        and not host.faults.is_held("console", instance.id)
    )
    if is_new or instance.state in _ENDED:
        instance.posted, instance.posted_of = _now(backend, instance), instance.booted_at
    return _encoded(instance, instance.posted)


def _now(backend: LocalBackend, instance: LocalInstance) -> bytes:
    return backend.host.machine(instance.id).console()[-LIMIT:]


def _encoded(instance: LocalInstance, text: bytes) -> str:
    for place, reason in instance.forward_problems.items():
        text += f"\r\n[local cloud] {place} does not reach this instance: {reason}\r\n".encode()
    return base64.b64encode(text).decode()
