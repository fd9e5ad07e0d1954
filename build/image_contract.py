"""What Hubsmith and a machine image agree about, and since which version images do their part.

Names and paths here are on the image too, in the programs of provisioners/, which cannot import this file: a
test compares them (tests/unit/provisioners/test_image_contract.py).

An image carries the contract that it was built with in a file (CONTRACT_FILE), and the Hubsmith that built it
in a tag. A command that asks more of the machine than its image can do says so before it does anything: an
older program that ends with "done" without having done all of it would be believed.
"""

from __future__ import annotations

from typing import TypedDict

from build.errors import UserError

CONTRACT = "0.2.0"
"""The Hubsmith that last changed what images and commands have to agree about.

It is what CONTRACT_FILE holds on images built now.
"""
CONTRACT_FILE = "/usr/lib/hubsmith/contract"
FIRST_CONTRACT = "0.1.0"
"""What images without the file were built with."""

USERS_PROGRAM = "/usr/lib/hubsmith/users"
STATUS_PROGRAM = "/usr/lib/hubsmith/status"
KERNELS_PROGRAM = "/usr/lib/hubsmith/list-kernels"
HAND_OVER_PROGRAM = "/usr/lib/hubsmith/hand-over"
TELL_PROGRAM = "/usr/lib/hubsmith/tell"
"""Programs of the image that commands call, as root."""
UNITS = ("hubsmith-boot", "jupyterhub", "jupyterhub-proxy", "certbot-renew")
"""The systemd units whose journal tells how a hub is, by their names without .service."""

LAUNCH_FILE = "/etc/hubsmith/launch.json"
"""The launch data, written by user data; absent on a machine that is no hub."""
OPERATOR_KEYS_FILE = "/etc/hubsmith/operator_keys"
"""Public keys that open the machine to its operator, a line each, written by user data."""

ADMIN_PASSWORD = "admin-password"  # noqa: S105 - the name of a parameter
"""SSM parameter below the hub's prefix: written by a launch, read and deleted by the machine."""
HOST_KEYS = "host-keys"
"""SSM parameter below the hub's prefix, written by the machine: its public host keys, a line each."""
BOOT_STATUS = "status"
"""SSM parameter below the hub's prefix, written by the machine: how far it is, JSON with BOOT_STATUS_KEYS."""
BOOT_STATUS_KEYS = ("phase", "at", "instance_id", "message", "certificate")
WAITS_FOR_VOLUME = "waiting for the data volume {} to be attached"
"""What a machine that boots without its data volume prints on its console, each minute."""
BOOT_FAILED = "FAILED, the hub will not start: "
"""What a machine prints on its console when a step of its boot has failed; why follows."""
READY, FAILED = "ready", "failed"
"""The phases that end a boot; those before them are for people."""

LAUNCH_SCHEMA = 1
"""Of the launch data. An image refuses data of another schema, and keys it does not know."""
USUAL_PASSWORD_HOURS = 72
"""How long a first password works where the launch data say nothing; an older image knows no other."""


class _NeededData(TypedDict):
    schema: int
    domain: str
    email: str
    admin: str
    region: str
    ssm_prefix: str
    volume_id: str


class LaunchData(_NeededData, total=False):
    """The content of LAUNCH_FILE."""

    first_password_hours: int
    subdomains: bool
    standby: bool
    acme_directory: str
    acme_ca: str
    aws_endpoint_url: str


SINCE = {
    "users --reset": "0.2.0",  # ends every cookie, token and server of the user before it says so
    "users --remove": "0.2.0",  # the same; nothing opens the account again
    "users --disk-limit": "0.2.0",  # a verb of the users program
    "kernels": "0.2.0",  # a program of the image
    "upgrade": "0.2.0",  # the key standby of launch.json, and HAND_OVER_PROGRAM
    "tell": "0.2.0",  # the same
    "hub.subdomains": "0.2.0",  # a key of launch.json, which an older image refuses at its boot
    "launch.first_password_hours": "0.2.0",  # the same
}
"""What needs an image of a certain contract at least: commands as users type them, settings as the manifest
names them.
"""


def supports(what: str, has: str) -> bool:
    """Whether an image that Hubsmith ``has`` built can do ``what`` (of SINCE, or anything older)."""
    return _numbers(has) >= _numbers(SINCE.get(what, FIRST_CONTRACT))


def require(what: str, has: str, image_id: str, domain: str) -> None:
    """Raises UserError, with both versions, when ``what`` (of SINCE) needs a newer image than ``has``.

    What is not in SINCE works with every image.
    """
    if not supports(what, has):
        needs = SINCE[what]
        raise UserError(
            f"{what} needs an image that Hubsmith {needs} or later has built; {image_id} was built by "
            f"Hubsmith {has}",
            hint=(
                f"`invoke build-ami` makes one, and `invoke launch --domain {domain} --replace` gives it "
                "to the hub"
            ),
        )


def _numbers(version: str) -> tuple[int, ...]:
    """'0.10.1' -> (0, 10, 1); a part that is no number counts as 0."""
    return tuple(int(part) if part.isdecimal() else 0 for part in version.strip().split("."))
