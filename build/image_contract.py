"""What Hubsmith and a machine image agree about, and since which version images do their part.

An image carries the contract that it was built with in a file (CONTRACT_FILE), and the Hubsmith that built it
in a tag. A command that asks more of the machine than its image can do says so before it does anything: an
older program that ends with "done" without having done all of it would be believed.
"""

from __future__ import annotations

from build.errors import UserError

CONTRACT = "0.2.0"
"""The Hubsmith that last changed what images and commands have to agree about.

It is what CONTRACT_FILE holds on images built now.
"""
CONTRACT_FILE = "/usr/lib/hubsmith/contract"
FIRST_CONTRACT = "0.1.0"
"""What images without the file were built with."""

SINCE = {
    "users --reset": "0.2.0",  # ends every cookie, token and server of the user before it says so
    "users --remove": "0.2.0",  # the same; nothing opens the account again
    "hub.subdomains": "0.2.0",  # a key of launch.json, which an older image refuses at its boot
    "launch.first_password_hours": "0.2.0",  # the same
}
"""What needs an image of a certain contract at least: commands as users type them, settings as the manifest
names them.
"""


def require(what: str, has: str, image_id: str, domain: str) -> None:
    """Raises UserError, with both versions, when ``what`` (of SINCE) needs a newer image than ``has``.

    What is not in SINCE works with every image.
    """
    needs = SINCE.get(what, FIRST_CONTRACT)
    if _numbers(has) < _numbers(needs):
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
