"""What a machine does for itself at boot, before the hub and its proxy start (hubsmith-boot.service).

Each step looks first and does only what is missing, so that every boot, and a second run, may go through all of
them. A step that fails stops the boot of the hub: its message is in `systemctl status hubsmith-boot` and on the
console. Only the system's own Python is used.
"""

from __future__ import annotations

import logging
import subprocess
import sys

import certificate
import hub_secrets
import launch

log = logging.getLogger("hubsmith-boot")

STEPS = (
    hub_secrets.state_folder,
    hub_secrets.cookie_secret,
    hub_secrets.proxy_token,
    hub_secrets.routes_token,
    certificate.self_signed,
)


def main() -> int:
    """Run the steps in order; 1 if one of them failed."""
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO, stream=sys.stdout)
    try:
        data = launch.read()
        for step in STEPS:
            step(data)
    except (OSError, ValueError, subprocess.SubprocessError) as exc:
        log.critical("FAILED, the hub will not start: %s", exc)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
