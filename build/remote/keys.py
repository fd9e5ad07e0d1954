"""ed25519 key pairs made for one run; the private half is never sent to AWS's key pair store."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


@dataclass(frozen=True)
class SshKey:
    """An OpenSSH key pair: the private key as PEM text, the public one as a line without comment."""

    private: str = field(repr=False)
    public: str


def generate() -> SshKey:
    """A new ed25519 key."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return SshKey(private, public)
