"""One look at a hub over https, by its address: the name is in SNI and Host, whatever DNS says."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from build.hubs.models import Certificate

if TYPE_CHECKING:
    from build.aws.session import Clients

HTTPS = 443
_HEALTH = "/hub/health"


@dataclass(frozen=True)
class HttpsProbe:
    """``problem`` is empty when the hub answers well with a certificate that is right; ``certificate`` is
    what was served, if anything.
    """

    problem: str
    certificate: Certificate | None = None

    @property
    def ok(self) -> bool:
        """As it should be."""
        return not self.problem


@dataclass(frozen=True)
class Trust:
    """Whom to trust: ``roots`` (PEM) instead of this machine's own; not ``chain``: anybody but the hub itself
    (a staging CA).
    """

    roots: str = ""
    chain: bool = True

    def context(self) -> ssl.SSLContext:
        """For clients."""
        context = ssl.create_default_context(cadata=self.roots or None)
        if not self.chain:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def trust_of(clients: Clients, *, staging: bool) -> Trust:
    """Whose certificates are good: a cloud's own ACME server says so; staging roots are in nobody's store."""
    if clients.cloud.acme_roots:
        return Trust(roots=clients.cloud.acme_roots)
    return Trust(chain=not staging)


def probe(
    ip: str,
    domain: str,
    trust: Trust,
    *,
    more_names: Sequence[str] = (),
    timeout_s: float = 10,
    port: int = HTTPS,
) -> HttpsProbe:
    """Ask the hub for its health; never raises for what a network or a server can do wrong.

    ``more_names`` the certificate has to have too, letter by letter.
    """
    try:
        status, certificate = _get((ip, port), domain, trust.context(), timeout_s)
    except ssl.SSLCertVerificationError as exc:
        return HttpsProbe(
            f"its certificate is not right: {exc.verify_message}", _served((ip, port), domain, timeout_s)
        )
    except (OSError, ValueError) as exc:
        return HttpsProbe(f"no answer on {ip}:{port}: {exc}")
    if certificate.self_signed:
        return HttpsProbe("its certificate is self-signed", certificate)
    wanted = {*more_names, *(() if trust.chain else (domain,))}
    if missing := sorted(wanted - {*certificate.names}):
        return HttpsProbe(
            f"its certificate is for {', '.join(certificate.names)}, not for {', '.join(missing)}",
            certificate,
        )
    return HttpsProbe("" if status == 200 else f"it answers with status {status}", certificate)


def status_of(ip: str, domain: str, *, timeout_s: float = 10, port: int = HTTPS) -> int:
    """The status that the address answers with, whatever its certificate is; 0 for no answer."""
    try:
        return _get((ip, port), domain, Trust(chain=False).context(), timeout_s)[0]
    except (OSError, ValueError):
        return 0


def _served(place: tuple[str, int], domain: str, timeout_s: float) -> Certificate | None:
    try:
        return _get(place, domain, Trust(chain=False).context(), timeout_s)[1]
    except (OSError, ValueError):
        return None


def _get(
    place: tuple[str, int], domain: str, context: ssl.SSLContext, timeout_s: float
) -> tuple[int, Certificate]:
    with (
        socket.create_connection(place, timeout_s) as plain,
        context.wrap_socket(plain, server_hostname=domain) as tls,
    ):
        certificate = describe(tls.getpeercert(binary_form=True) or b"")
        tls.sendall(f"GET {_HEALTH} HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n".encode())
        first = tls.recv(64).split(b" ")
        return int(first[1]) if len(first) > 1 else 0, certificate


def describe(der: bytes) -> Certificate:
    """A certificate in our words."""
    certificate = x509.load_der_x509_certificate(der)
    try:
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    left = ends - datetime.now(timezone.utc)
    return Certificate(
        names=tuple(names),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:x}",
        not_before=begins.isoformat(timespec="seconds"),
        not_after=ends.isoformat(timespec="seconds"),
        days_left=left.days,
        share_left=round(min(max(left / (ends - begins), 0.0), 1.0), 4),
        self_signed=certificate.issuer == certificate.subject,
        spki_sha256=base64.b64encode(hashlib.sha256(spki).digest()).decode(),
    )
