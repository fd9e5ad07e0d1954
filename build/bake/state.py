"""What the steps of a bake hand on to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from build.aws.console import KernelWatch
from build.aws.placements import Placement
from build.aws.session import Clients
from build.bake.inputs.inputs import Inputs
from build.bake.run import Run
from build.manifest import Manifest
from build.remote.keys import SshKey
from build.remote.ssh_target import SshTarget
from build.report.reporter import Reporter


@dataclass(frozen=True)
class BaseImage:
    """The image a build starts from, as EC2 describes it."""

    id: str
    name: str
    owner: str
    architecture: str
    root_device: str
    root_size_gib: int
    login_user: str


@dataclass(frozen=True)
class BuilderNetwork:
    """Who may reach the instances of a run."""

    vpc_id: str
    caller_cidrs: tuple[str, ...]
    group_id: str


@dataclass(frozen=True)
class Instance:
    """A running instance of the run, how to reach it, and what watches its kernel."""

    id: str
    address: str
    target: SshTarget
    kernel: KernelWatch


@dataclass(frozen=True)
class Layer:
    """A snapshot to start from: how many provisioners, which run took it, when its first package came."""

    snapshot_id: str
    depth: int
    run_id: str
    since: str


@dataclass(frozen=True)
class TestRun:
    """One run of the image tests; its JUnit file is tests-<stage>.xml in the run's folder."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    stage: str
    passed: int
    failed: int
    skipped: int
    seconds: float


@dataclass
class ImageCopy:
    """The image in another region: what publishing needs to know of it there, as Bake has it at home."""

    manifest: Manifest
    clients: Clients
    report: Reporter
    image_name: str
    kms_key_arn: str | None = None
    """What its snapshots are encrypted with; None: as the image is, with the region's default key."""
    image_id: str = field(init=False)
    snapshot_ids: tuple[str, ...] = field(init=False)

    @property
    def region(self) -> str:
        """Where it is."""
        return self.clients.cloud.region


@dataclass
class Bake:
    """The state of a build. Fields without a value are produced by a step; reading one too early is a bug."""

    manifest: Manifest
    clients: Clients
    run: Run
    report: Reporter
    no_cache: bool = False

    base: BaseImage = field(init=False)
    inputs: Inputs = field(init=False)
    layer: Layer | None = None
    since: str = ""
    """When the first package of the image was installed (ISO 8601)."""
    layer_ids: list[str] = field(default_factory=list)
    """Snapshots that this build has taken as layers."""
    source_id: str = field(init=False)
    """The image the builder is launched from: the base image, or that of the layer."""
    placements: tuple[Placement, ...] = field(init=False)
    """Where instances of the run can be, in order of preference."""
    kms_key_arn: str | None = None
    """What the disks are encrypted with; None: the account's default key."""
    network: BuilderNetwork = field(init=False)
    builder: Instance = field(init=False)
    builder_is_sealed: bool = False
    """From then on no key opens it."""
    image_id: str = field(init=False)
    snapshot_ids: tuple[str, ...] = field(init=False)
    copies: list[ImageCopy] = field(default_factory=list)
    """One for each region of publish.regions."""
    is_published: bool = False
    """Others may use the image: it stays, however the build ends."""
    candidates: tuple[Instance, ...] = field(init=False)
    """Fresh instances of the image, as many as tests.machines says."""
    disk_copy_id: str = field(init=False)
    """A volume of the image's snapshot."""
    packages: Mapping[str, Any] = field(default_factory=dict)
    tests: list[TestRun] = field(default_factory=list)
    host_keys: list[SshKey] = field(default_factory=list)
    """Of every instance of the run: nothing of them may be in the image."""

    @property
    def candidate(self) -> Instance:
        """The first of them, for what one is enough for."""
        return self.candidates[0]

    @property
    def image_name(self) -> str:
        """The AMI's name: unique, so that nothing is ever overwritten."""
        return f"{self.manifest.image.name}-{self.run.stamp}"
