"""Give the data volume away: the page, then the end of hub and servers, then file systems that are unmounted.

The machine goes on, and its proxy shows the page. Nothing is forced: what cannot be unmounted in time stays
mounted, and the command that asked for it stops the machine instead.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import urlsplit

from boot import hub_secrets, mounts, proxy_routes, standby, volume
from hubsmith_machine.launch import Launch

log = logging.getLogger("hubsmith-hand-over")

STATE = Path("/run/hubsmith/hand-over.json")
UNIT = "hubsmith-hand-over.service"
PAGE_UNIT = "hubsmith-page.service"
HUB_UNITS = ("jupyterhub.service", "hubsmith-ready.service", "hubsmith-disk.service")
WATCHERS = (
    "hubsmith-users.path",
    "hubsmith-first-password.path",
    "hubsmith-first-password.timer",
    "certbot-renew.timer",
    "hubsmith-certificate.timer",
)
"""What starts programs that write to the volume."""
WRITERS = ("hubsmith-first-password.service", "certbot-renew.service", "hubsmith-certificate.service")
SERVERS = "jupyter.slice"
PATIENCE_S = 60
_INFO = Path("/proc/self/mountinfo")


class ReleaseError(Exception):
    """Why the volume cannot be given away."""


def release(launch: Launch) -> None:
    """Have the volume free to be detached. What is done already is not done again. Raises ReleaseError."""
    device = volume.find(launch.volume_id) if launch.volume_id else None
    if device is None:
        raise ReleaseError(f"the data volume {launch.volume_id} is not attached to this machine")
    if mounts.is_mounted(mounts.DATA):
        token = proxy_routes.token_of(hub_secrets.PROXY_ENVIRONMENT)
        _systemctl("start", PAGE_UNIT)
        _until(_page_answers, lambda: f"{PAGE_UNIT} does not answer")
        _tell("releasing", "the page is shown")
        proxy_routes.lead_to_page(token)
        _stop()
        proxy_routes.lead_to_page(token)  # the hub may have looked after its routes as it ended
        _unmount_all()
    _until(lambda: _is_free(device), lambda: f"{device} is in use{_users_of(device)}")
    standby.begin()
    _tell("released", f"{launch.volume_id} may be detached")


def resume() -> None:
    """Be the hub again, as after a boot; the volume may have been away. Returns before that is done."""
    _systemctl("restart", "--no-block", "hubsmith-boot.service")
    _systemctl("start", "--no-block", "jupyterhub-proxy.service", *HUB_UNITS, *WATCHERS)
    _systemctl("stop", "--no-block", PAGE_UNIT)
    _tell("hub", "this machine is the hub again")


def state() -> dict[str, str]:
    """How far it is: ``phase`` is none, releasing, released, failed or hub; ``message`` says more."""
    try:
        told: dict[str, str] = json.loads(STATE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = {"phase": "none", "message": "", "at": ""}
    if told["phase"] in ("none", "releasing") and _output("systemctl", "is-failed", UNIT) == "failed":
        return {**told, "phase": "failed", "message": told["message"] or f"{UNIT} failed"}
    return told


def failed(message: str) -> None:
    """Say that it could not be done."""
    _tell("failed", message)


def _stop() -> None:
    """Watchers first, so that nothing starts again. The accounts are noted once more."""
    _systemctl("stop", *WATCHERS)
    _systemctl("stop", *HUB_UNITS, *WRITERS, SERVERS)
    _systemctl("start", "hubsmith-users.service")


def _unmount_all() -> None:
    """The homes of the machine's own accounts are folders of the root disk, mounted over /home.

    An operator who is logged in may be in one: they are detached from /home, and nobody is disturbed.
    """
    for path in sorted(_below(Path("/home")), reverse=True):
        _check("umount", "--lazy", path)
    for folder in (*mounts.FOLDERS, str(mounts.DATA)):
        _unmount(Path(folder))
    _check("sync")


def _unmount(folder: Path) -> None:
    """Try until nobody is in there any more. Raises ReleaseError."""

    def is_done() -> bool:
        if mounts.is_mounted(folder):
            subprocess.run(["umount", str(folder)], capture_output=True, check=False)
        return not mounts.is_mounted(folder)

    _until(is_done, lambda: f"{folder} is busy")


def _page_answers() -> bool:
    place = urlsplit(proxy_routes.PAGE)
    try:
        socket.create_connection((str(place.hostname), int(place.port or 80)), 5).close()
    except OSError:
        return False
    return True


def _below(folder: Path) -> Iterator[str]:
    for line in _INFO.read_text(encoding="utf-8").splitlines():
        if (place := line.split()[4]).startswith(f"{folder}/"):
            yield place


def _is_free(device: str) -> bool:
    """Linux opens a device exclusively only while no mount namespace has its file system mounted."""
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL))
    except OSError:
        return False
    return True


def _users_of(device: str) -> str:
    """The programs in whose mount namespace it is still mounted, for the message."""
    number = Path(device).stat().st_rdev
    wanted, found = f"{os.major(number)}:{os.minor(number)}", set()
    for info in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            if any(line.split()[2] == wanted for line in info.read_text(encoding="utf-8").splitlines()):
                found.add(info.with_name("comm").read_text(encoding="utf-8").strip())
        except OSError:  # it has ended meanwhile
            continue
    return f" by {', '.join(sorted(found))}" if found else ""


def _until(done: Callable[[], bool], problem: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > deadline:
            raise ReleaseError(problem())
        time.sleep(0.2)


def _tell(phase: str, message: str) -> None:
    log.info("%s: %s", phase, message)
    STATE.parent.mkdir(mode=0o755, exist_ok=True)
    at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    new = STATE.with_suffix(".new")
    new.write_text(json.dumps({"phase": phase, "message": message, "at": at}), encoding="utf-8")
    new.replace(STATE)


def _systemctl(*arguments: str) -> None:
    _check("systemctl", *arguments)


def _check(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        told = (done.stderr or done.stdout).strip()[-400:]
        raise ReleaseError(f"{' '.join(command)} ended with status {done.returncode}: {told}")


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
