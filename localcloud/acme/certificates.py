"""The certificate Pebble's https is served with, and the CA whoever talks to it checks that with. Made once for each cloud."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# The first is how guests see this host's loopback.
GUESTS_VIEW = "169.254.0.1"
ADDRESSES, HOST_NAME = (GUESTS_VIEW, "127.0.0.1"), "localhost"
LIFETIME = datetime.timedelta(days=3650)
RENEW_BEFORE = datetime.timedelta(days=365)


@dataclass(frozen=True)
class Files:
    """Three PEM files. The CA's own key is kept nowhere: it signs once."""

    ca: Path
    certificate: Path
    key: Path


def ensure(folder: Path) -> Files:
    """The files in that folder, made if they are not there or end within a year."""
    files = Files(folder / "ca.pem", folder / "certificate.pem", folder / "key.pem")
    if not all(path.exists() for path in (files.ca, files.certificate, files.key)) or _ends_soon(files.certificate):
        _make(files)
    return files


def _ends_soon(certificate: Path) -> bool:
    try:
        ends = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    except ValueError:
        return True
    return ends - _now() < RENEW_BEFORE


def _make(files: Files) -> None:
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("Hubsmith local cloud")
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = _builder(ca_name, ca_name, ca_key)
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    ca = ca.add_extension(_usage(signs_certificates=True), critical=True).add_extension(ca_id, critical=False)
    leaf = _builder(_name("Pebble"), ca_name, key)
    leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    leaf = leaf.add_extension(_usage(signs_certificates=False), critical=True)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    leaf = leaf.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    leaf = leaf.add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), critical=False)
    names = [*(x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES), x509.DNSName(HOST_NAME)]
    leaf = leaf.add_extension(x509.SubjectAlternativeName(names), critical=False)
    files.key.touch(mode=0o600)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    files.key.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    files.ca.write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(encoding))
    files.certificate.write_bytes(leaf.sign(ca_key, hashes.SHA256()).public_bytes(encoding))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    # A day back: the clock of a guest that was restored may be behind.
    began = _now() - datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return builder.serial_number(x509.random_serial_number()).not_valid_before(began).not_valid_after(began + LIFETIME)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
