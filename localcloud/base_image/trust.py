"""Certificates this machine trusts beyond Debian's set, and how to make a guest trust them too.

A host behind a proxy that inspects TLS has its own authority in its bundle. An image for this host's local
cloud must trust it, or no package can be installed in it; on a host without such a thing nothing is added, so
that the image is what it would be elsewhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
DISTRIBUTION = Path("/usr/share/ca-certificates")
ADDED_BY_HAND = Path("/usr/local/share/ca-certificates")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----")

# Each looks in a place of its own: Python's ssl and uv, pip, requests and conda, node and npm, curl's library
# in conda and R.
VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE")


def extra_certificates(
    bundle: Path = BUNDLE, distribution: Path = DISTRIBUTION, added: Path = ADDED_BY_HAND
) -> list[str]:
    """PEM texts of what the host's bundle holds and its distribution does not, in the order of the bundle.

    On a host without Debian's folder of certificates: those an administrator added by hand.
    """
    known = _bodies(sorted(distribution.rglob("*.crt"))) if distribution.is_dir() else []
    trusted = _bodies([bundle] if bundle.is_file() and known else sorted(added.glob("*.crt")))
    return [_pem(body) for body in dict.fromkeys(trusted) if body not in set(known)]


def files(certificates: Iterable[str]) -> dict[str, str]:
    """What goes into a guest so that it trusts the certificates, by path; nothing when there are none.

    A login over ssh reads /etc/environment (pam_env), sudo reads it by its own setting, systemd's services by
    DefaultEnvironment.
    """
    certificates = list(certificates)
    if not certificates:
        return {}
    pairs = [f"{name}={BUNDLE}" for name in VARIABLES]
    contents = {f"usr/local/share/ca-certificates/host-{_fingerprint(pem)}.crt": pem for pem in certificates}
    contents["etc/environment"] = "\n".join(pairs) + "\n"
    contents["etc/sudoers.d/host-trust"] = "Defaults env_file=/etc/environment\n"
    contents["etc/systemd/system.conf.d/host-trust.conf"] = (
        f"[Manager]\nDefaultEnvironment={' '.join(pairs)}\n"
    )
    return contents


def _bodies(paths: Iterable[Path]) -> list[str]:
    return [
        "".join(body.split()) for path in paths for body in _PEM.findall(path.read_text(errors="replace"))
    ]


def _pem(body: str) -> str:
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----"]) + "\n"


def _fingerprint(pem: str) -> str:
    return hashlib.sha256(pem.encode()).hexdigest()[:12]
