"""What the environment of `invoke cloud.up` says of the cloud that it starts."""

from __future__ import annotations

import os
from typing import cast, get_args

from build.errors import UserError
from localcloud.machine.qemu.spec import Controller

DISKS_VARIABLE, ELASTIC_IPS_VARIABLE = "HUBSMITH_DISKS", "HUBSMITH_ELASTIC_IPS"


def controller() -> Controller:
    """HUBSMITH_DISKS: the controller of the disks of machines that are started from now on."""
    wanted = os.environ.get(DISKS_VARIABLE) or "virtio-blk"
    if wanted not in get_args(Controller):
        raise UserError(
            f"{DISKS_VARIABLE} is {wanted!r}", hint=f"there are {' and '.join(get_args(Controller))}"
        )
    return cast(Controller, wanted)


def elastic_ip_limit() -> int | None:
    """HUBSMITH_ELASTIC_IPS: how many a region may have; None: as many as there are addresses."""
    wanted = os.environ.get(ELASTIC_IPS_VARIABLE) or None
    if wanted is not None and not wanted.isdecimal():
        raise UserError(
            f"{ELASTIC_IPS_VARIABLE} is {wanted!r}",
            hint="it is how many Elastic IPs the cloud may have in a region: a number",
        )
    return None if wanted is None else int(wanted)
