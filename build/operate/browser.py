"""A browser that finds the hub by its address and trusts the checked certificate, in its own profile."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from build.aws.session import Clients
from build.errors import HubsmithError, UserError
from build.hubs import https_probe, instances
from build.hubs.hub import Hub
from build.launch import address, wait_for_https

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "brave-browser",
    "microsoft-edge",
)


def command(hub: Hub, clients: Clients, browser: str = "") -> list[str]:
    """The browser's command line.

    The name leads to the hub's address whatever DNS says. Where the cloud has a CA of its own, the key of the
    certificate that this CA was seen to have signed is let pass, and no other. Raises HubsmithError when the
    hub does not answer well.
    """
    program = shutil.which(browser) if browser else next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise UserError(
            f"no browser found ({browser or ', '.join(BROWSERS)})",
            hint=f"open {hub.url} in any, or name one: --browser /path/to/chromium",
        )
    own = address.own_address(clients, hub)
    there = instances.of_hub(clients, hub)
    if own is None or not there:
        raise HubsmithError(
            f"{hub.domain} is not running in {clients.cloud.region}",
            hint="`invoke hubs` lists the hubs there are",
        )
    trust = wait_for_https.trust_of(clients, staging=there[-1].staging)
    seen = https_probe.probe(own.ip, hub.domain, trust)
    if not seen.ok or seen.certificate is None:
        raise HubsmithError(
            f"{hub.domain}: {seen.problem}", hint=f"`invoke status --domain {hub.domain}` says more"
        )
    names = hub.names(subdomains=there[-1].subdomains)
    own_ca = trust.roots or not trust.chain
    return [
        program,
        f"--user-data-dir={hub.folder / 'browser'}",
        f"--host-resolver-rules={', '.join(f'MAP {name} {own.ip}' for name in names)}",
        *([f"--ignore-certificate-errors-spki-list={seen.certificate.spki_sha256}"] if own_ca else []),
        "--no-first-run",
        "--no-default-browser-check",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),  # Chromium's sandbox refuses root
        f"{hub.url}/",
    ]


def start(line: list[str], hub: Hub) -> None:
    """Start it with an empty profile, and leave it to its user."""
    shutil.rmtree(hub.folder / "browser", ignore_errors=True)
    with Path(os.devnull).open("w") as nowhere:
        subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=nowhere, stderr=nowhere, start_new_session=True
        )
