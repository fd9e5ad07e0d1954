"""What the new instance is told: what the old one was told, as its user data say."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import yaml

from build.aws import eventual
from build.errors import HubsmithError
from build.image_contract import LAUNCH_FILE, OPERATOR_KEYS_FILE
from build.launch.options import CliOptions, LaunchOptions, resolve_options

if TYPE_CHECKING:
    from build.aws.session import Clients
    from build.hubs.instances import HubInstance
    from build.manifest import Manifest


@dataclass(frozen=True)
class ToldAtLaunch:
    """The launch data of an instance, and the keys that open it."""

    data: Mapping[str, Any]
    operator_keys: tuple[str, ...]


def told_at_launch(clients: Clients, instance: HubInstance) -> ToldAtLaunch:
    """What the user data of an instance say. Raises HubsmithError when they are not those of a launch."""
    attribute = eventual.retried(
        lambda: clients.ec2.describe_instance_attribute(InstanceId=instance.id, Attribute="userData"),
        what=instance.id,
    )
    text = base64.b64decode(attribute.get("UserData", {}).get("Value", "")).decode()
    try:
        files = {file["path"]: file["content"] for file in yaml.safe_load(text)["write_files"]}
        keys = [line for line in files.get(OPERATOR_KEYS_FILE, "").splitlines() if line.strip()]
        return ToldAtLaunch(json.loads(files[LAUNCH_FILE]), tuple(keys))
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as exc:
        raise HubsmithError(
            f"the user data of {instance.id} are not those of a launch: {exc!r}",
            hint=f"`invoke launch --domain {instance.domain} --replace` takes them from the command line",
        ) from exc


def options_like(
    manifest: Manifest, instance: HubInstance, told: ToldAtLaunch, image_id: str, *, standby: bool
) -> LaunchOptions:
    """A launch that differs from the one before in its image: type, keys and launch data are kept.

    Not DNS: the address moves, and the records stay.
    """
    cli = CliOptions(
        ami=image_id,
        instance_type=instance.instance_type,
        email=str(told.data["email"]),
        admin=str(told.data["admin"]),
        no_dns=True,
        replace=True,
    )
    options = resolve_options(manifest, cli)
    keys = tuple(dict.fromkeys([*options.defaults.operator_keys, *told.operator_keys]))
    return replace(
        options,
        defaults=options.defaults.model_copy(update={"operator_keys": keys}),
        staging=instance.staging,
        subdomains=instance.subdomains,
        standby=standby,
    )
