"""What the steps of a launch hand on to each other."""

from __future__ import annotations

from dataclasses import dataclass, field

from build.aws.console import KernelWatch
from build.aws.placements import Placement
from build.aws.session import Clients
from build.hubs.hub import Hub
from build.hubs.models import Address, Certificate, HubImage, SubnetChoice, Zone
from build.launch.options import LaunchOptions
from build.manifest import Manifest
from build.report.reporter import Reporter


@dataclass(frozen=True)
class Billed:
    """Something EC2 bills: in words, with its price in dollars a month (us-east-1; None: it depends)."""

    words: str
    dollars: float | None = None


@dataclass
class LaunchState:
    """The state of a launch. A step produces the fields without a value; reading one too early is a bug."""

    hub: Hub
    options: LaunchOptions
    manifest: Manifest
    clients: Clients
    report: Reporter

    image: HubImage = field(init=False)
    zone: Zone | None = None
    """None: there is no hosted zone, and the name is left alone."""
    subnet: SubnetChoice = field(init=False)
    placements: tuple[Placement, ...] = ()
    """Where an instance can be launched, in order of preference; of several zones only without a volume."""
    profile: str = field(init=False)
    group_id: str = field(init=False)
    address: Address = field(init=False)
    volume_id: str = field(init=False)
    kms_key_arn: str | None = None
    """What a new data volume is encrypted with; None: the account's default key."""
    volume_is_new: bool = False
    """This launch has made it, and no instance has written to it."""
    instance_id: str = field(init=False)
    names: tuple[str, ...] = field(init=False)
    """What record and certificate of ``instance_id`` are for: the domain, and with subdomains
    ``*.domain``.
    """
    kernel: KernelWatch = field(init=False)
    """Watches the kernel of ``instance_id``."""
    old_id: str | None = None
    """The instance that ``instance_id`` takes over from."""
    committed: bool = False
    """The new instance has taken over: from here on there is no way back to the old one."""
    certificate: Certificate | None = None
    newer_image: HubImage | None = None
    """There is a newer image than the one that runs, and nobody asked for it."""
    password: str | None = None
    """The administrator's first password, until it has been shown."""
    changes: list[str] = field(default_factory=list)

    billed: dict[str, Billed] = field(default_factory=dict)
    """By id, what this launch has made that costs something for as long as it is there."""

    @property
    def tags(self) -> dict[str, str]:
        """What everything that this launch makes carries from its creation on."""
        return {**self.options.defaults.tags, **self.hub.tags}

    def record_change(self, what: str) -> None:
        """Something was made or changed."""
        self.changes.append(what)
        self.report.note(what)
