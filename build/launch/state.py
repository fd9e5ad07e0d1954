"""What the steps of a launch hand on to each other."""

from __future__ import annotations

from dataclasses import dataclass, field

from build.aws.console import KernelWatch
from build.aws.session import Clients
from build.hubs.hub import Hub
from build.launch.options import Wishes
from build.manifest import Manifest
from build.report.reporter import Reporter


@dataclass(frozen=True)
class HubImage:
    """An image a hub runs from. ``created`` is ISO 8601 in UTC.

    ``version`` is that of the Hubsmith that built it, or nothing where no tag says so: other accounts do not see them.
    """

    id: str
    name: str
    root_device: str
    login_user: str
    created: str
    version: str = ""


@dataclass(frozen=True)
class Zone:
    """A hosted zone of Route 53: its id without the /hostedzone/ before it, its name without the final dot."""

    id: str
    name: str


@dataclass(frozen=True)
class Place:
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
    """What is served on 443. ``serial`` is in hexadecimal, ``not_after`` ISO 8601 in UTC."""

    names: tuple[str, ...]
    issuer: str
    serial: str
    not_after: str
    days_left: int
    self_signed: bool
    spki_sha256: str
    """The public key's hash in base64, as Chromium takes it."""


@dataclass
class Launch:
    """The state of a launch. Fields without a value are produced by a step; reading one too early is a bug."""

    hub: Hub
    wishes: Wishes
    manifest: Manifest
    clients: Clients
    report: Reporter

    image: HubImage = field(init=False)
    zone: Zone | None = None
    """None: there is no hosted zone, and the name is left alone."""
    place: Place = field(init=False)
    profile: str = field(init=False)
    group_id: str = field(init=False)
    address: Address = field(init=False)
    volume_id: str = field(init=False)
    instance_id: str = field(init=False)
    names: tuple[str, ...] = field(init=False)
    """What record and certificate of ``instance_id`` are for: the domain, and with subdomains ``*.domain``."""
    kernel: KernelWatch = field(init=False)
    """Watches the kernel of ``instance_id``."""
    old_id: str | None = None
    """The instance that ``instance_id`` takes over from."""
    proven: bool = False
    """The new instance has taken over: from here on there is no way back to the old one."""
    certificate: Certificate | None = None
    newer_image: HubImage | None = None
    """There is a newer image than the one that runs, and nobody asked for it."""
    password: str | None = None
    """The administrator's first password, until it has been shown."""
    changes: list[str] = field(default_factory=list)

    def did(self, what: str) -> None:
        """Something was made or changed."""
        self.changes.append(what)
        self.report.note(what)
