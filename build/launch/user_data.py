"""What the instance is told at its first boot: launch data with a schema version, and a key. No secret."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from build import cloud_config
from build.aws.session import Cloud
from build.errors import UserError
from build.hubs import operator_key
from build.hubs.hub import Hub
from build.image_contract import (
    LAUNCH_FILE,
    LAUNCH_SCHEMA,
    OPERATOR_KEYS_FILE,
    USUAL_PASSWORD_HOURS,
    LaunchData,
)
from build.launch.options import STAGING_DIRECTORY, LaunchOptions

_LIMIT = 16384  # bytes before base64 (EC2 API reference, RunInstances)
_ANY_VOLUME = "vol-0123456789abcdef0"


def launch_data(hub: Hub, options: LaunchOptions, cloud: Cloud, volume_id: str) -> LaunchData:
    """The content of launch.json. The last keys are there only where they differ from the usual ones."""
    data: LaunchData = {
        "schema": LAUNCH_SCHEMA,
        "domain": hub.domain,
        "email": options.email,
        "admin": options.admin,
        "region": cloud.region,
        "ssm_prefix": hub.prefix,
        "volume_id": volume_id,
    }
    if (hours := options.defaults.first_password_hours) != USUAL_PASSWORD_HOURS:
        data["first_password_hours"] = hours
    if options.subdomains:
        data["subdomains"] = True
    if options.standby:
        data["standby"] = True
    if options.staging:
        data["acme_directory"] = STAGING_DIRECTORY
    if guest := cloud.guest:  # a cloud with an ACME server of its own has no staging one
        if guest.acme_directory:
            data["acme_directory"] = guest.acme_directory
        if guest.acme_ca:
            data["acme_ca"] = guest.acme_ca
        if guest.endpoint_url:
            data["aws_endpoint_url"] = guest.endpoint_url
    return data


def digest(data: Mapping[str, object]) -> str:
    """Tells launch data apart, as a tag.

    The CA of a local ACME server is left out, which changes when that is made anew; the hours of the first
    password, which mean nothing to a hub that had one; and that an instance had to wait for its turn.
    """
    passing = ("acme_ca", "first_password_hours", "standby")
    relevant = {key: value for key, value in data.items() if key not in passing}
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()[:16]


def operator_keys(hub: Hub, options: LaunchOptions) -> list[str]:
    """Every key that is to open the instance."""
    return list(dict.fromkeys([operator_key.public_key(hub), *options.defaults.operator_keys]))


def render(data: Mapping[str, object], operator_keys: Sequence[str]) -> str:
    """A #cloud-config that writes the two files.

    The keys are also given to cloud-init's own user: they open an instance whose data volume (with its /home)
    could not be mounted.
    """
    config = {
        "ssh_authorized_keys": list(operator_keys),
        "write_files": [
            cloud_config.file(LAUNCH_FILE, json.dumps(data, indent=2) + "\n"),
            cloud_config.file(OPERATOR_KEYS_FILE, "".join(f"{key}\n" for key in operator_keys)),
        ],
    }
    return cloud_config.render(config)


def check_size(hub: Hub, options: LaunchOptions, cloud: Cloud) -> None:
    """EC2 would refuse too long user data only when address and volume are made. Raises UserError."""
    keys = operator_keys(hub, options)
    size = len(render(launch_data(hub, options, cloud, _ANY_VOLUME), keys).encode())
    if size > _LIMIT:
        raise UserError(
            f"launch.operator_keys: {len(keys)} keys make {size} bytes of user data; EC2 takes {_LIMIT}",
            hint="name fewer keys, or ed25519 keys: they are a seventh as long as RSA keys of 4096 bits",
        )
