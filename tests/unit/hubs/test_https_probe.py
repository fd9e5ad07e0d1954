"""One look at a hub, against real TLS servers on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from build.hubs.https_probe import HttpsProbe, Trust, probe

DOMAIN = "hub.example.test"
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    key: ec.EllipticCurvePrivateKey
    name: x509.Name

    @classmethod
    def called(cls, name: str) -> Authority:
        return cls(
            ec.generate_private_key(ec.SECP256R1()),
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        )

    @property
    def root(self) -> str:
        return sign(self, self.name, self.key, None, 30 * DAY, ca=True).public_bytes(Encoding.PEM).decode()


def _may(*, sign: bool) -> x509.KeyUsage:
    others = (
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(
        digital_signature=not sign, key_cert_sign=sign, crl_sign=sign, **dict.fromkeys(others, False)
    )


def sign(
    by: Authority,
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    domain: str | None,
    lasts: timedelta,
    *,
    ca: bool = False,
) -> x509.Certificate:
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by.name)
        .public_key(key.public_key())
        .serial_number(0x1234)
        .not_valid_before(now - 10 * DAY)
        .not_valid_after(now + lasts)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        # Python 3.13 asks for these, as RFC 5280 does; Let's Encrypt's have them.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), critical=False
        )
        .add_extension(_may(sign=ca), critical=True)
    )
    if domain:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False)
    return builder.sign(by.key, hashes.SHA256())


Server = Callable[..., AbstractContextManager[int]]


@pytest.fixture
def authority() -> Authority:
    return Authority.called("a test root")


@pytest.fixture
def server(tmp_path: Path, authority: Authority) -> Server:
    @contextmanager
    def serve(
        *, domain: str = DOMAIN, lasts: timedelta = 30 * DAY, by: Authority | None = None, status: int = 200
    ) -> Iterator[int]:
        own = Authority.called(domain)
        certificate = sign(by or authority, own.name, own.key, domain, lasts) if by is not own else None
        assert certificate is not None
        key = own.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / "pem").write_bytes(key + certificate.public_bytes(Encoding.PEM))
        yield from answering(tmp_path / "pem", status)

    return serve


def answering(pem: Path, status: int) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as tls:
                    asked = tls.recv(4096)
                    assert f"Host: {DOMAIN}".encode() in asked
                    tls.sendall(f"HTTP/1.1 {status} Well\r\n\r\n".encode())
            except OSError:
                plain.close()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)


def see(port: int, trust: Trust) -> HttpsProbe:
    return probe("127.0.0.1", DOMAIN, trust, port=port, timeout_s=5)


def test_a_hub_that_is_well(server: Server, authority: Authority) -> None:
    with server() as port:
        seen = see(port, Trust(roots=authority.root))
    assert seen.ok, seen.problem
    assert seen.certificate is not None
    assert (seen.certificate.names, seen.certificate.serial, seen.certificate.days_left) == (
        (DOMAIN,),
        "1234",
        29,
    )
    assert seen.certificate.share_left == pytest.approx(0.75, abs=0.01)  # of 40 days


def test_nobody_else_is_trusted(server: Server) -> None:
    with server() as port:
        seen = see(port, Trust(roots=Authority.called("another").root))
    assert "its certificate is not right" in seen.problem
    assert seen.certificate is not None  # what was served can still be told


def test_a_certificate_for_another_name_is_not_right(server: Server, authority: Authority) -> None:
    with server(domain="other.example.test") as port:
        assert "not valid for" in see(port, Trust(roots=authority.root)).problem
        assert "other.example.test" in see(port, Trust(chain=False)).problem


def test_one_that_has_run_out_is_not_right(server: Server, authority: Authority) -> None:
    with server(lasts=-DAY) as port:
        assert "expired" in see(port, Trust(roots=authority.root)).problem


def test_a_staging_certificate_will_do_but_a_self_signed_one_never(server: Server) -> None:
    with server() as port:
        assert see(port, Trust(chain=False)).ok
    with server(by=Authority.called(DOMAIN)) as port:
        assert see(port, Trust(chain=False)).problem == "its certificate is self-signed"


def test_a_proxy_without_a_hub_is_not_well(server: Server, authority: Authority) -> None:
    with server(status=503) as port:
        assert see(port, Trust(roots=authority.root)).problem == "it answers with status 503"


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "no answer on" in see(port, Trust()).problem


def test_users_hosts_have_to_be_in_the_certificate_where_they_have_some(
    server: Server, authority: Authority
) -> None:
    with server() as port:
        seen = probe("127.0.0.1", DOMAIN, Trust(roots=authority.root), more_names=(f"*.{DOMAIN}",), port=port)
    assert seen.problem == f"its certificate is for {DOMAIN}, not for *.{DOMAIN}"
    assert seen.certificate
