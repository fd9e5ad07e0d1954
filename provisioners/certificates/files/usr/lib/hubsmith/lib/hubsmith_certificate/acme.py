"""One certificate for the machine's domain, by certbot and dns-route53 with the instance's role.

With subdomains it is for `*.domain` too, which needs nothing more of the role: the TXT record of both
challenges has one name.

That folder is the data volume's: a machine that replaces this one serves the certificate that is there. Let's
Encrypt gives five of the same names in a week.
"""

from __future__ import annotations

import logging
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from hubsmith_certificate import pem
from hubsmith_machine import files
from hubsmith_machine.launch import Launch

log = logging.getLogger("hubsmith")

FOLDER = Path("/etc/letsencrypt")
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
HOOK = "/usr/lib/hubsmith/deploy-certificate"

_CERTBOT = "/opt/certbot/bin/certbot"
_SYSTEM_CA = Path("/etc/ssl/certs/ca-certificates.crt")
_CA = Path("/run/hubsmith/acme-ca.pem")
_GRACE_S = 15  # certbot takes its TXT record away when it is told to stop
# An ACME server that has never heard of the account: it was made anew (Pebble at each start), or the account
# was ended there.
_FORGOTTEN = re.compile(
    r"accountDoesNotExist|unable to find (an )?existing account"
    r"|account[^.\n]{0,40} (not found|does not exist)",
    re.IGNORECASE,
)
_SAID_ANYWAY = re.compile(
    r"Saving debug log|Ask for help|See the logfile|^Requesting a certificate|^Renewing|^Account registered"
    r"|^Simulating|^\s*$|^- - -"
    # Around the server's own words, which are what helps.
    r"|^An unexpected error occurred|^Certbot failed to authenticate|^Some challenges have failed|^Hint: "
)


class AcmeError(Exception):
    """No certificate; the message is what certbot said.

    ``in_time`` is false when it was stopped for taking too long.
    """

    def __init__(self, message: str, in_time: bool = True) -> None:
        super().__init__(message)
        self.in_time = in_time


def lineage(launch: Launch) -> Path:
    """Where certbot keeps the domain's certificate and key."""
    return FOLDER / "live" / str(launch.domain)


def usable(launch: Launch) -> pem.Certificate | None:
    """The certificate that is kept for this domain, if it can be served: valid, with its key, from where it
    is wanted from.
    """
    found = for_the_hub_alone(launch)
    return found if found and set(launch.names) <= set(found.names) else None


def for_the_hub_alone(launch: Launch) -> pem.Certificate | None:
    """The same, though it may leave out users' subdomains: such a one is kept where these are new and no
    other can be had yet.
    """
    certificate, key = lineage(launch) / "fullchain.pem", lineage(launch) / "privkey.pem"
    try:
        found = pem.read(certificate.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    if launch.domain not in found.names or found.days_left < 0 or not pem.belong_together(certificate, key):
        return None
    return found if _issuer_is_right(launch) else None


def get(launch: Launch, limit_s: float, *, force: bool = False) -> None:
    """Get one, or renew the one that is there when its time has come. Raises AcmeError."""
    try:
        _certbot(launch, limit_s, force=force)
    except AcmeError as exc:
        if not (exc.in_time and _FORGOTTEN.search(str(exc))):
            raise
        log.warning("the ACME server has forgotten this machine's account: registering anew")
        shutil.rmtree(FOLDER / "accounts" / str(urlsplit(_directory(launch)).netloc), ignore_errors=True)
        _certbot(launch, limit_s, force=force)


def _certbot(launch: Launch, limit_s: float, *, force: bool) -> None:
    domain = str(launch.domain)
    command = [
        _CERTBOT,
        "certonly",
        "--non-interactive",
        "--agree-tos",
        "--email",
        str(launch.email),
        "--no-eff-email",
    ]
    command += [
        "--dns-route53",
        "--server",
        _directory(launch),
        "--cert-name",
        domain,
        "--max-log-backups",
        "20",
    ]
    # One that is there for other names, as after a switch of subdomains, is renewed with these.
    command += [*(word for name in launch.names for word in ("--domain", name)), "--renew-with-new-domains"]
    if force or not _issuer_is_right(launch):
        # The second: a certificate of Let's Encrypt's staging in the place of a real one that can no longer
        # be served.
        command += ["--force-renewal", "--break-my-certs"]
    else:
        command += ["--keep-until-expiring"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment(launch)
    )
    try:
        said, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired as exc:
        said = _stop(process)
        raise AcmeError(f"certbot was not done after {limit_s:.0f} s; {_gist(said)}", in_time=False) from exc
    if process.returncode != 0:
        raise AcmeError(_gist(said))


def _stop(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        return process.communicate(timeout=_GRACE_S)[0]
    process.kill()
    return process.communicate()[0]


def _environment(launch: Launch) -> dict[str, str]:
    environment = launch.aws_environment()
    if launch.acme_ca:
        _CA.parent.mkdir(mode=0o755, exist_ok=True)
        system = _SYSTEM_CA.read_text(encoding="utf-8") if _SYSTEM_CA.exists() else ""
        files.write_private(_CA, f"{system}\n{launch.acme_ca}\n".encode())
        environment["REQUESTS_CA_BUNDLE"] = str(_CA)
    return environment


def _directory(launch: Launch) -> str:
    return launch.acme_directory or LETS_ENCRYPT


def _issuer_is_right(launch: Launch) -> bool:
    """A rehearsal's certificate is not kept for the real thing; the real one does for a rehearsal."""
    try:
        text = (FOLDER / "renewal" / f"{launch.domain}.conf").read_text(encoding="utf-8")
    except OSError:
        return True
    found = re.search(r"^server\s*=\s*(\S+)", text, re.MULTILINE)
    issuer, wanted = found.group(1) if found else LETS_ENCRYPT, _directory(launch)
    return issuer == wanted or ("staging" in wanted and issuer == LETS_ENCRYPT)


def _gist(said: str) -> str:
    """What the ACME server said, or AWS, as certbot shows it."""
    lines = [line.strip() for line in said.splitlines() if not _SAID_ANYWAY.search(line)]
    return " ".join(lines or said.split())[-800:] or "certbot said nothing"
