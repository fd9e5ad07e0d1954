"""How far the machine is: in /run/hubsmith/status.json, and in SSM's `status` for `invoke launch`."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from pathlib import Path

from hubsmith_machine import files
from hubsmith_machine.parameters import Parameters

log = logging.getLogger("hubsmith")

STATUS = Path("/run/hubsmith/status.json")
INSTANCE_DATA = Path("/run/cloud-init/instance-data.json")
_LONGEST = 1500  # characters; a parameter takes 4096 bytes


def tell(parameters: Parameters, phase: str, message: str, certificate: str = "none") -> None:
    """``phase``: volume, users, certificate, hub, ready or failed.

    ``certificate``: acme, self-signed or none.
    """
    status = {
        "phase": phase,
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "instance_id": instance_id(),
        "message": message[:_LONGEST],
        "certificate": certificate,
    }
    STATUS.parent.mkdir(mode=0o755, exist_ok=True)
    files.write_private(STATUS, json.dumps(status).encode())
    parameters.put("status", json.dumps(status))


def told() -> dict[str, str]:
    """What was told last since the machine started; empty before that."""
    try:
        last: dict[str, str] = json.loads(STATUS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return last


def instance_id() -> str | None:
    """As cloud-init was told by EC2."""
    found = in_ec2("instance-id")
    return found if isinstance(found, str) else None


def in_ec2(key: str) -> object:
    """One entry of the instance's metadata as cloud-init has kept it; None where there is none."""
    try:
        told = json.loads(INSTANCE_DATA.read_text(encoding="utf-8"))["ds"]
        return (told.get("meta-data") or told["meta_data"]).get(key)  # the latter in older cloud-init
    except (OSError, ValueError, KeyError, AttributeError):
        return None
