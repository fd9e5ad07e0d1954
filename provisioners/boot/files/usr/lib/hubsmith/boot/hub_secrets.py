"""The hub's folder and the secrets in it: made once on each machine, kept for as long as the folder is."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

from hubsmith_machine import files
from hubsmith_machine.launch import Launch

log = logging.getLogger("hubsmith-boot")

STATE = Path("/srv/jupyterhub")
COOKIE_SECRET = STATE / "cookie_secret"
PROXY_ENVIRONMENT = STATE / "proxy.env"
ROUTES_TOKEN = STATE / "restore-routes.token"
OPERATOR_TOKEN = STATE / "operator.token"


def state_folder(_: Launch) -> None:
    """The folder of the hub's database, for root only: users' tokens are in there."""
    files.private_folder(STATE)


def cookie_secret(_: Launch) -> None:
    """What login cookies are signed with: 32 bytes in hexadecimal, as JupyterHub reads it."""
    if not COOKIE_SECRET.exists():
        files.write_private(COOKIE_SECRET, f"{secrets.token_hex(32)}\n".encode())
        log.info("made the cookie secret")


def proxy_token(_: Launch) -> None:
    """What the hub shows to the proxy's API, as an environment file for both services."""
    if not PROXY_ENVIRONMENT.exists():
        files.write_private(PROXY_ENVIRONMENT, f"CONFIGPROXY_AUTH_TOKEN={secrets.token_hex(32)}\n".encode())
        log.info("made the proxy's token")


def hub_tokens(_: Launch) -> None:
    """What restore-routes (good for nothing else) and root's own programs (users, status) show to the hub."""
    for path in (ROUTES_TOKEN, OPERATOR_TOKEN):
        if not path.exists():
            files.write_private(path, f"{secrets.token_hex(32)}\n".encode())
            log.info("made %s", path.name)
