"""What RunInstances is asked for, by EC2's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Tags = Mapping[str, Mapping[str, str]]  # resource type -> key -> value


@dataclass(frozen=True)
class LaunchRequest:
    """RunInstances' parameters; None where nothing was said."""

    image_id: str
    min_count: int = 1
    max_count: int = 1
    instance_type: str = "m1.small"
    key_name: str | None = None
    group_ids: tuple[str, ...] = ()
    group_names: tuple[str, ...] = ()
    subnet_id: str | None = None
    zone: str | None = None
    private_ip: str | None = None
    associate_public_ip: bool | None = None
    device_mappings: tuple[Mapping[str, Any], ...] = ()
    user_data: str | None = None  # base64, as it came
    metadata_options: Mapping[str, Any] = field(default_factory=dict)
    shutdown_behavior: str = "stop"
    disable_api_termination: bool = False
    disable_api_stop: bool = False
    ebs_optimized: bool = False
    monitoring: bool = False
    profile_name: str | None = None
    profile_arn: str | None = None
    tags: Tags = field(default_factory=dict)
    client_token: str | None = None
