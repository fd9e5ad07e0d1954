"""The certificate of the ACME directory's own https."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509

from localcloud.acme import certificates


def test_it_is_for_loopback_as_host_and_guests_see_it(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path)
    made = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == [
        "169.254.0.1",
        "127.0.0.1",
    ]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert files.key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("strict", [False, True])
def test_a_client_that_has_the_ca_is_content(tmp_path: Path, strict: bool) -> None:
    files = certificates.ensure(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(files.certificate, files.key)
    trusting = ssl.create_default_context(cafile=str(files.ca))
    if strict:  # what Python 3.13 asks for by itself
        trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=lambda: serving.wrap_socket(theirs, server_side=True).close())
    thread.start()
    with trusting.wrap_socket(ours, server_hostname="169.254.0.1") as client:
        assert client.getpeercert()
    thread.join()


def test_it_stays_and_is_made_anew_only_when_it_ends_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = certificates.ensure(tmp_path).certificate.read_bytes()
    assert certificates.ensure(tmp_path).certificate.read_bytes() == first
    later = certificates._now() + datetime.timedelta(days=3400)
    monkeypatch.setattr(certificates, "_now", lambda: later)
    assert certificates.ensure(tmp_path).certificate.read_bytes() != first


def test_half_written_files_are_made_anew(tmp_path: Path) -> None:
    certificates.ensure(tmp_path).certificate.write_text("rubbish")
    assert b"BEGIN CERTIFICATE" in certificates.ensure(tmp_path).certificate.read_bytes()
