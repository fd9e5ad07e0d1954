"""A machine in standby waits for the data volume of a hub that is still another machine, or is it again.

One that was launched to take over is in standby until it has the volume; one that has handed the volume over
(release.py) is from then on. Until the volume is there, a machine in standby publishes nothing in the hub's
name: host keys and status in SSM are those of the machine that is the hub.
"""

from __future__ import annotations

import logging
import subprocess
from contextlib import suppress
from pathlib import Path

from hubsmith_machine import files
from hubsmith_machine.launch import Launch

log = logging.getLogger("hubsmith-boot")

STATE = Path("/var/lib/cloud/instance/hubsmith-standby")
"""Holds ``on`` or ``off`` once that has changed; before that the launch data say it.

In cloud-init's folder of this instance: an instance of an image of this machine begins anew.
"""
PATIENCE_S = 1200
"""The other machine goes on as the hub meanwhile. The unit's own limit is 25 minutes."""
_PROGRAMS = (["/opt/hub/bin/jupyterhub", "--version"], ["/opt/hub/bin/node", "--version"])
_WARM_UP_S = 120


def is_on(launch: Launch) -> bool:
    """Whether another machine is the hub, as far as this one knows."""
    with suppress(FileNotFoundError):
        return STATE.read_text(encoding="ascii").strip() == "on"
    return launch.standby


def begin() -> None:
    """The data volume goes to another machine."""
    files.write_private(STATE, b"on\n")


def end() -> None:
    """The data volume is here: this machine is the hub."""
    files.write_private(STATE, b"off\n")


def warm_up() -> None:
    """Read the hub's programs from the disk, which is slow at first, while nobody waits for them."""
    for command in _PROGRAMS:
        try:
            subprocess.run(command, capture_output=True, check=False, timeout=_WARM_UP_S)
        except (OSError, subprocess.TimeoutExpired) as exc:
            log.info("not read ahead: %s", exc)
