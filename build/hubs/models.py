"""What a hub is made of, as far as other rooms have to know it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HubImage:
    """An image a hub runs from. ``created`` is ISO 8601 in UTC.

    ``version`` is that of the Hubsmith that built it, or nothing where no tag says so: other accounts do not
    see them.
    """

    id: str
    name: str
    root_device: str
    login_user: str
    created: str
    version: str = ""


@dataclass(frozen=True)
class Zone:
    """A hosted zone of Route 53: id without the /hostedzone/ before it, name without the final dot."""

    id: str
    name: str


@dataclass(frozen=True)
class SubnetChoice:
    """Where the hub lives; ``zone`` is the availability zone of subnet and data volume."""

    vpc_id: str
    subnet_id: str
    zone: str


@dataclass(frozen=True)
class Address:
    """An Elastic IP."""

    allocation_id: str
    ip: str


@dataclass(frozen=True)
class Certificate:
    """What is served on 443. ``serial`` is in hexadecimal, ``not_before`` and ``not_after`` ISO 8601 in UTC,
    ``share_left`` the part of the lifetime between them that is left, 0 to 1.
    """

    names: tuple[str, ...]
    issuer: str
    serial: str
    not_before: str
    not_after: str
    days_left: int
    share_left: float
    self_signed: bool
    spki_sha256: str
    """The public key's hash in base64, as Chromium takes it."""
