"""How far the boot of a hub is, as its instance published it in an SSM parameter."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from build.aws import parameters
from build.image_contract import BOOT_STATUS, BOOT_STATUS_KEYS

if TYPE_CHECKING:
    from build.aws.session import Clients
    from build.hubs.hub import Hub


@dataclass(frozen=True)
class BootStatus:
    """What an instance published at the end of a phase of its boot; empty where it said nothing."""

    phase: str = ""
    at: str = ""
    instance_id: str = ""
    message: str = ""
    certificate: str = ""

    def __str__(self) -> str:
        return f"{self.phase}: {self.message}" if self.message else self.phase


def published(clients: Clients, hub: Hub) -> BootStatus:
    """What the instance published last."""
    value = parameters.value_of(clients, hub.parameter(BOOT_STATUS))
    if value is None:
        return BootStatus()
    try:
        document = json.loads(value)
        return BootStatus(**{key: str(document.get(key) or "") for key in BOOT_STATUS_KEYS})
    except (ValueError, AttributeError):
        return BootStatus(message=value)
