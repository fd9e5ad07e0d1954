"""Where a cloud answers: found by its folder, as the server that is up there says."""

from __future__ import annotations

import fcntl
import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build.errors import MachineError

ADDRESS = "127.0.0.1"
GUESTS_VIEW = "169.254.0.1"  # how a machine of the cloud reaches this host's loopback
REGION, ACCOUNT, KEY = "us-east-1", "123456789012", "test"


@dataclass(frozen=True)
class Endpoint:
    """Where the cloud answers, and the keys of the account's owner; certificates are PEM.

    The three acme_… are None while there is no ACME server; acme_problem says why.
    """

    url: str
    region: str
    account: str
    access_key: str
    secret_key: str
    pid: int
    guest_url: str  # the same, as a machine of the cloud sees it
    dns: tuple[str, int]  # address and port, UDP and TCP, of a server that knows the Route 53 zones
    acme_directory: str | None  # as a machine sees it
    acme_ca: str | None  # checks the directory's own https
    acme_roots: str | None  # check what it issues: the newest first, then those of earlier starts
    acme_problem: str | None
    consistency: str = ""
    """``eventual, seed …`` or ``off``: whether calls know at once what is new."""


def find(folder: Path) -> Endpoint | None:
    """The endpoint of the server that has this folder, if it is up and answers."""
    try:
        announced = json.loads((folder / "endpoint.json").read_text(encoding="utf-8"))
        url = f"http://{ADDRESS}:{announced['port']}"
        # Whatever proxy the user has: this is their own loopback.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"{url}/hubsmith", timeout=5
        ) as answer:
            identity = json.load(answer)
    except (OSError, ValueError, KeyError):
        return None
    # After kill -9 the file is stale, and the port may be another cloud's by now.
    if identity.get("folder") != str(folder) or not is_locked(folder):
        return None
    try:
        return _endpoint(url, announced["port"], identity)
    except KeyError:
        raise MachineError(
            "the local cloud that is up is of another version of Hubsmith",
            hint="invoke cloud.down ends it; the next task starts its own",
        ) from None


def _endpoint(url: str, port: int, identity: Mapping[str, Any]) -> Endpoint:
    acme = identity["acme"] or {}
    return Endpoint(
        url,
        REGION,
        ACCOUNT,
        KEY,
        KEY,
        identity["pid"],
        guest_url=f"http://{GUESTS_VIEW}:{port}",
        dns=(identity["dns"][0], identity["dns"][1]),
        acme_directory=f"https://{GUESTS_VIEW}:{acme['port']}/dir" if acme else None,
        acme_ca=acme.get("ca"),
        acme_roots=acme.get("roots"),
        acme_problem=identity["acme_problem"],
        consistency=identity.get("consistency", ""),
    )


def is_locked(folder: Path) -> bool:
    """Does a server live that has this folder?"""
    try:
        with (folder / "daemon.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
