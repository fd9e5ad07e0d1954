"""How far the boot of a hub is, as its instance published it in an SSM parameter."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws.errors import code_of

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
    try:
        value = clients.ssm.get_parameter(Name=f"{hub.prefix}/status")["Parameter"]["Value"]
    except ClientError as exc:
        if code_of(exc) != "ParameterNotFound":
            raise
        return BootStatus()
    try:
        document = json.loads(value)
        return BootStatus(
            *(
                str(document.get(key) or "")
                for key in ("phase", "at", "instance_id", "message", "certificate")
            )
        )
    except (ValueError, AttributeError):
        return BootStatus(message=value)
