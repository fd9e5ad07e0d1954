"""The serial console of an instance, and what its kernel reports there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from build import kernel_console
from build.aws.errors import code_of
from build.kernel_console import KernelFault, Kind

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

EVERY_S = 10.0
"""Time between two looks at a console; EC2 limits how often an account may ask."""


def output(ec2: EC2Client, instance_id: str) -> str:
    """The last 64 KiB that the console printed. Raises what botocore raises."""
    try:
        return ec2.get_console_output(InstanceId=instance_id, Latest=True).get("Output", "")
    except ClientError as exc:
        # an instance on Xen: EC2 has only what was printed around its last start
        if code_of(exc) != "UnsupportedOperation":
            raise
    return ec2.get_console_output(InstanceId=instance_id).get("Output", "")


def kernel_faults(ec2: EC2Client, instance_id: str) -> list[KernelFault]:
    """The faults on its console, the oldest first; none where the console cannot be read."""
    try:
        return kernel_console.faults(output(ec2, instance_id))
    except (ClientError, BotoCoreError):
        return []


class KernelWatch:
    """Looks for kernel faults on the console of one instance, at most every ``EVERY_S`` seconds.

    Faults that are ``known`` are ignored. Threads may share it.
    """

    def __init__(self, ec2: EC2Client, instance_id: str, known: Iterable[KernelFault] = ()) -> None:
        self._ec2, self._instance_id = ec2, instance_id
        self._known = {_identity(fault) for fault in known}
        self._looked: float | None = None
        self._faults: list[KernelFault] = []
        self._warned: set[Kind] = set()

    def look(self, *, now: bool = False) -> KernelFault | None:
        """The panic or oops, if there is one.

        Asks EC2 when the last look was ``EVERY_S`` seconds ago, or ``now``.
        """
        moment = time.monotonic()
        if now or self._looked is None or moment - self._looked >= EVERY_S:
            self._looked = moment
            found = kernel_faults(self._ec2, self._instance_id)
            # What was seen once stays: the console may be unreadable, or have scrolled on.
            self._faults = [fault for fault in found if _identity(fault) not in self._known] or self._faults
        return next((fault for fault in self._faults if fault.is_fatal), None)

    def check(self, warn: Callable[[str], object], *, now: bool = False) -> KernelFault | None:
        """The same; hands a sentence to ``warn`` the first time there is a stall of a kind."""
        found = self.look(now=now)
        for fault in self._faults:
            if not fault.is_fatal and fault.kind not in self._warned:
                self._warned.add(fault.kind)
                warn(f"{self._instance_id}: {fault}")
        return found

    def likely_cause(self) -> str:
        """The newest stall, to be put behind the message of a timeout; empty when there is none."""
        stalls = [fault for fault in self._faults if not fault.is_fatal]
        return f"; the likely cause: {stalls[-1]}" if stalls else ""


def _identity(fault: KernelFault) -> tuple[Kind, float, str]:
    return fault.kind, fault.seconds, fault.message
