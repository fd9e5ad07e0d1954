"""The certificate Pebble's https is served with, and the CA whoever talks to it checks that with.

Made once for each cloud.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography import x509

# The first is how guests see this host's loopback.
GUESTS_VIEW = "169.254.0.1"
NAMES = (GUESTS_VIEW, "127.0.0.1", "localhost")
LIFETIME = datetime.timedelta(days=3650)
RENEW_BEFORE = datetime.timedelta(days=365)


@dataclass(frozen=True)
class CertificateFiles:
    """Three PEM files. The CA's own key is kept nowhere: it signs once."""

    ca: Path
    certificate: Path
    key: Path


def ensure(folder: Path) -> CertificateFiles:
    """The files in that folder, made if they are not there or end within a year."""
    files = CertificateFiles(folder / "ca.pem", folder / "certificate.pem", folder / "key.pem")
    if not all(path.exists() for path in (files.ca, files.certificate, files.key)) or _ends_soon(
        files.certificate
    ):
        _make(files)
    return files


def _ends_soon(certificate: Path) -> bool:
    try:
        ends = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    except ValueError:
        return True
    return ends - _now() < RENEW_BEFORE


def _make(files: CertificateFiles) -> None:
    ca = trustme.CA(organization_name="Hubsmith local cloud", path_length=0)
    leaf = ca.issue_cert(*NAMES, not_after=_now() + LIFETIME)
    files.key.touch(mode=0o600)
    files.key.write_bytes(leaf.private_key_pem.bytes())
    files.ca.write_bytes(ca.cert_pem.bytes())
    files.certificate.write_bytes(leaf.cert_chain_pems[0].bytes())


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
