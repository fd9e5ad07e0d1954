"""What a machine does for itself at boot, before the hub and its proxy start (hubsmith-boot.service).

Each step looks first and does only what is missing, so that every boot, and a second run, may go through all
of them. A step that fails stops the boot of the hub: its message is in `systemctl status hubsmith-boot`, on
the console and, on a machine that was launched with a domain, in the SSM parameter `status`. systemd tries
again after a minute. Only the system's own Python is used, but for SSM and certbot.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, "/usr/lib/hubsmith")
sys.path.insert(0, "/usr/lib/hubsmith/hub")
sys.path.insert(0, "/usr/lib/hubsmith/lib")
from boot import certificate, hub_secrets, proxy_options, standby, users, volume
from hubsmith_hub.accounts import AccountError
from hubsmith_machine import launch, progress
from hubsmith_machine.launch import Launch
from hubsmith_machine.parameters import ParameterError, Parameters, as_lines

log = logging.getLogger("hubsmith-boot")

SECRETS = (
    hub_secrets.state_folder,
    hub_secrets.cookie_secret,
    hub_secrets.proxy_token,
    hub_secrets.hub_tokens,
)
HUB = ("jupyterhub-proxy.service", "jupyterhub.service")
FAILURES = (
    OSError,
    ValueError,
    subprocess.SubprocessError,
    volume.VolumeError,
    ParameterError,
    AccountError,
)


def main() -> int:
    """Run the steps in order; 1 if one of them failed."""
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO, stream=sys.stdout)
    parameters = data = None
    try:
        data = launch.read()
        parameters = Parameters(data)
        _boot(data, parameters)
        _wake_the_hub()
    except FAILURES as exc:
        log.critical("FAILED, the hub will not start: %s", exc)
        if parameters and data and not standby.is_on(data):
            progress.tell(parameters, "failed", str(exc))
        return 1
    finally:
        if parameters:
            parameters.close()
    return 0


def _boot(data: Launch, parameters: Parameters) -> None:
    told = _wait_in_standby(data) if standby.is_on(data) else None
    parameters.put("host-keys", _host_keys())
    if told := told or volume.attach(data):
        _told(parameters, "volume", told)
    for make in SECRETS:
        make(data)
    proxy_options.proxy_options(data)
    problems = users.restore(data)
    users.administrator(data, parameters)
    users.limit_disk(data)
    if data.domain:
        _told(parameters, "users", users.summary(problems))
    kind, problem = certificate.certificate(data)
    if data.domain:
        message = (
            f"no certificate from the ACME server: {problem}"
            if problem
            else f"the hub serves a certificate for {data.domain}"
        )
        _told(parameters, "certificate", message, kind)


def _wait_in_standby(data: Launch) -> str | None:
    """The parameters are those of the machine that has the data volume: nothing is published before that."""
    standby.warm_up()
    told = volume.attach(data, standby.PATIENCE_S)
    standby.end()
    return told


def _wake_the_hub() -> None:
    """When a later attempt helped, hub and proxy have given up waiting for this service."""
    show = ["systemctl", "show", "--value", "--property", "NRestarts", "hubsmith-boot.service"]
    if subprocess.run(show, capture_output=True, text=True, check=True).stdout.strip() not in ("", "0"):
        enabled = [
            unit
            for unit in HUB
            if subprocess.run(["systemctl", "--quiet", "is-enabled", unit], check=False).returncode == 0
        ]
        if enabled:
            subprocess.run(["systemctl", "start", "--no-block", *enabled], check=True)


def _told(parameters: Parameters, phase: str, message: str, kind: str = "none") -> None:
    log.info("%s: %s", phase, message)
    progress.tell(parameters, phase, message, kind)


def _host_keys() -> str:
    """As `ssh-keyscan` would print them, without the host."""
    lines = (
        path.read_text(encoding="ascii").split()[:2]
        for path in sorted(Path("/etc/ssh").glob("ssh_host_*_key.pub"))
    )
    return as_lines(" ".join(words) for words in lines)


if __name__ == "__main__":
    sys.exit(main())
