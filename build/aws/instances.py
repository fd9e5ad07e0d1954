"""What more than one room asks of instances: one of them now, to wait for a state, the end of the console."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws import eventual
from build.aws.console import output
from build.aws.errors import NOT_THERE
from build.aws.wait import wait_until
from build.errors import CloudError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

_CONSOLE_LINES = 15
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def described(ec2: EC2Client, instance_id: str) -> InstanceTypeDef | None:
    """The instance now; None where EC2 does not list it."""
    return eventual.found(lambda: _listing(ec2, instance_id))


def listed(ec2: EC2Client, instance_id: str) -> InstanceTypeDef:
    """An instance that there is, as soon as EC2 lists it. Raises CloudError."""
    return eventual.listed(lambda: _listing(ec2, instance_id), what=instance_id)


def _listing(ec2: EC2Client, instance_id: str) -> list[InstanceTypeDef]:
    reservations = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    return [instance for reservation in reservations for instance in reservation["Instances"]]


def wait_for_state(
    ec2: EC2Client,
    instance_id: str,
    wanted: str,
    *,
    timeout_s: float,
    on_wait: Callable[[str], object] = lambda _: None,
) -> InstanceTypeDef:
    """Wait until the instance is ``wanted``; raises CloudError with EC2's reason when it ends instead."""

    def look() -> InstanceTypeDef | None:
        seen = described(ec2, instance_id)
        if seen and state_of(seen) == "terminated" != wanted:
            raise CloudError(
                f"{instance_id} ended: {seen.get('StateReason', {}).get('Message', 'no reason given')}"
            )
        return seen

    found = wait_until(
        look,
        lambda seen: state_of(seen) == wanted,
        what=instance_id,
        describe=state_of,
        timeout_s=timeout_s,
        on_wait=on_wait,
    )
    if found is None:
        raise CloudError(f"{instance_id} no longer exists")
    return found


def state_of(seen: InstanceTypeDef | None) -> str:
    """``running``, ``stopped``, …; in words while the instance is not listed yet."""
    return str(seen["State"]["Name"]) if seen else NOT_THERE


def console_tail(ec2: EC2Client, instance_id: str, lines: int = _CONSOLE_LINES) -> str:
    """The last lines of the serial console without its colours and blank lines, or why there are none."""
    try:
        text = output(ec2, instance_id)
    except ClientError as exc:
        return f"  (no console output: {exc})"
    shown = [line for line in (_COLOURS.sub("", line).rstrip() for line in text.splitlines()) if line]
    return "\n".join(f"  {line}" for line in shown[-lines:]) or "  (nothing yet)"
