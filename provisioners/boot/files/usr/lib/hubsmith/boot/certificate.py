"""The certificate that the proxy serves, always at one place: the domain's, or else a self-signed one."""

from __future__ import annotations

import logging
import socket
import subprocess
import tempfile
from ipaddress import ip_address
from pathlib import Path

from hubsmith_certificate import acme, ensure, pem
from hubsmith_machine import files, progress
from hubsmith_machine.launch import Launch

log = logging.getLogger("hubsmith-boot")

CERTIFICATE = pem.SERVED / "fullchain.pem"
KEY = pem.SERVED / "privkey.pem"
RETRY = "hubsmith-certificate.timer"
# Nobody gets in while it is waited for. Mostly it comes in time, and then no browser ever shows a warning;
# when it does not, the hub starts with a self-signed one. Route 53 alone takes up to a minute, certbot looks
# every five seconds, and a disk from a snapshot is read slowly at first.
LIMIT_S = 300

_LIFETIME_DAYS = 825
_RENEW_S = 30 * 86400


def certificate(launch: Launch) -> tuple[str, str | None]:
    """Put one in place: ("acme" or "self-signed", why it is not the former where there is a domain)."""
    problem = ensure.at_boot(launch, LIMIT_S) if launch.domain else None
    if launch.domain and problem is None:
        return "acme", None
    if problem:
        log.error("no certificate for %s: %s", launch.domain, problem)
        subprocess.run(["systemctl", "start", "--no-block", RETRY], check=False)
        if acme.for_the_hub_alone(launch) and ensure.deploy(launch) is None:
            # Subdomains are new: the hub's own pages are right, and only its users' hosts wait for the
            # certificate.
            return "acme", problem
    self_signed(launch)
    return "self-signed", problem


def self_signed(launch: Launch) -> None:
    """Make a certificate that no browser trusts, unless there is such a one with 30 days to go."""
    if KEY.exists() and CERTIFICATE.exists() and not _ends_soon() and _is_for(launch):
        return
    files.private_folder(pem.SERVED)
    names = _names(launch)
    key, certificate = _make(names)
    files.write_private(KEY, key)
    files.write_private(CERTIFICATE, certificate)
    log.warning("no certificate for this machine: the hub serves a SELF-SIGNED one for %s", ", ".join(names))


def _is_for(launch: Launch) -> bool:
    """An image of a machine that had another domain must not go on with that one's."""
    return set(launch.names) <= set(pem.read(CERTIFICATE.read_text(encoding="ascii")).names)


def _ends_soon() -> bool:
    check = ["openssl", "x509", "-noout", "-checkend", str(_RENEW_S), "-in", str(CERTIFICATE)]
    return subprocess.run(check, capture_output=True, check=False).returncode != 0


def _make(names: list[str]) -> tuple[bytes, bytes]:
    alternatives = ",".join(f"{'IP' if _is_address(name) else 'DNS'}:{name}" for name in names)
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key"), Path(folder, "certificate")
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-noenc",
        ]
        command += ["-days", str(_LIFETIME_DAYS), "-subj", "/CN=JupyterHub, self-signed"]
        command += [
            "-addext",
            f"subjectAltName={alternatives}",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ]
        command += ["-addext", "extendedKeyUsage=serverAuth", "-keyout", str(key), "-out", str(certificate)]
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        if done.returncode != 0:
            raise ValueError(f"openssl could not make a certificate: {done.stderr.strip()}")
        return key.read_bytes(), certificate.read_bytes()


def _names(launch: Launch) -> list[str]:
    """Everything this machine may be called in a browser: domain, host name, its own and EC2's addresses."""
    own = subprocess.run(
        ["hostname", "--all-ip-addresses"], capture_output=True, check=False, text=True
    ).stdout.split()
    candidates = [*launch.names, socket.gethostname(), "localhost", *own, "127.0.0.1", *_names_in_ec2()]
    usable = (name.split("%")[0] for name in candidates if name)
    return list(dict.fromkeys(usable))


def _names_in_ec2() -> list[str]:
    known = (progress.in_ec2(key) for key in ("public-hostname", "public-ipv4", "local-hostname"))
    return [name for name in known if isinstance(name, str) and name]


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
