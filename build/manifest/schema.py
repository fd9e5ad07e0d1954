"""What can be written into manifest.yaml: the sections, their defaults and what each key means.

Units are in the names: _gib, _s (seconds), _minutes. An absent key has the default written here.
The rules of single values are in fields.py; rules between keys stand at the end of a section.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from build.manifest import fields as f
from build.manifest.fields import Section

DEBIAN_OWNER = "136693071363"
Distribution = Literal["venv", "miniforge", "anaconda"]
CLOUDS = ("local", "aws")


class Image(Section):
    """The image to make."""

    name: f.ImageName = Field(description="What the image is called; the time of the build is added to it")
    description: f.Description = Field(default="", description="Shown by EC2 beside the image")
    tags: f.Tags = Field(default={}, description="Tags to put on the image and its snapshots")


class Base(Section):
    """The image to start from: exactly one of owner and name, ssm_parameter, or id."""

    owner: f.Owner | None = Field(default=None, description="Account that publishes the base image (always needed beside name)")
    name: f.NameFilter | None = Field(default=None, description="Name filter; the newest image that matches is taken")
    ssm_parameter: f.PublicParameter | None = Field(
        default=None, description="Systems Manager parameter that holds the id of the base image"
    )
    id: f.ImageId | None = Field(default=None, description="Id of the base image: a build that is to be repeated exactly")
    login_user: f.UserName = Field(default="admin", description="The user the base image lets in by ssh: admin (Debian), ubuntu, ec2-user")
    architecture: Literal["x86_64", "arm64"] = Field(default="x86_64", description="EC2's name of the processor family")

    @model_validator(mode="after")
    def _exactly_one_kind(self) -> Base:
        kinds = {"owner and name": self.owner or self.name, "ssm_parameter": self.ssm_parameter, "id": self.id}
        given = [kind for kind, value in kinds.items() if value]
        if len(given) != 1:
            raise ValueError(f"should have exactly one of owner and name, ssm_parameter, id; it has {', '.join(given) or 'none'}")
        if given == ["owner and name"] and not (self.owner and self.name):
            raise ValueError("should have both owner and name: a name alone can match anyone's public image")
        return self


class RootVolume(Section):
    """The root volume of the builder, and so of the image."""

    size_gib: int = Field(default=16, ge=1, le=65536, description="Size in GiB")
    type: Literal["gp3", "gp2", "io1", "io2"] = Field(default="gp3", description="EBS volume type")
    iops: int | None = Field(default=None, ge=100, le=256000, description="Provisioned IOPS: gp3 3000-80000, io1 100-64000, io2 100-256000")
    throughput: int | None = Field(default=None, ge=125, le=2000, description="MiB/s, gp3 only")
    encrypted: bool = Field(default=True, description="Encrypt the volume and the snapshots of the image")
    kms_key_id: str | None = Field(default=None, min_length=1, description="Key to encrypt with instead of the account's EBS default key")

    @model_validator(mode="after")
    def _as_ebs_allows(self) -> RootVolume:
        """Ranges: EC2 API reference, EbsBlockDevice."""
        allowed = {"gp3": (3000, 80000), "io1": (100, 64000), "io2": (100, 256000)}.get(self.type)
        if self.iops is None and self.type in ("io1", "io2"):
            raise ValueError(f"needs iops when type is {self.type}")
        if self.iops is not None and allowed is None:
            raise ValueError(f"cannot have iops when type is {self.type}")
        if self.iops is not None and allowed and not allowed[0] <= self.iops <= allowed[1]:
            raise ValueError(f"should have iops from {allowed[0]} to {allowed[1]} when type is {self.type}, has {self.iops}")
        if self.throughput is not None and self.type != "gp3":
            raise ValueError(f"cannot have throughput when type is {self.type}")
        if self.size_gib > 16384 and self.type in ("gp2", "io1"):
            raise ValueError(f"can have at most 16384 GiB when type is {self.type}")
        if self.kms_key_id and not self.encrypted:
            raise ValueError("has a kms_key_id but encrypted is false")
        return self


class Timeouts(Section):
    """How long each thing may take, in seconds."""

    running_s: f.Seconds = Field(default=300, description="From run-instances to running")
    ssh_s: f.Seconds = Field(default=600, description="From running to an open ssh session")
    cloud_init_s: f.Seconds = Field(default=900, description="Until cloud-init has finished")
    stop_s: f.Seconds = Field(default=300, description="From stop-instances to stopped")
    image_s: f.Seconds = Field(default=3600, description="From create-image to available")


class Mirrors(Section):
    """Package registries to use instead of the tools' defaults, while building."""

    apt: f.Url | None = Field(default=None, description="Debian or Ubuntu mirror")
    pypi: f.Url | None = Field(default=None, description="Python package index (the address that ends in /simple)")
    npm: f.Url | None = Field(default=None, description="npm registry")
    conda: f.Url | None = Field(default=None, description="Address in front of conda channel names")


class Builder(Section):
    """The instance on which the image is put together, and the network it stands in."""

    instance_types: f.InstanceTypes = Field(default=("t3.large", "t3a.large"), description="In order of preference")
    root_volume: RootVolume = Field(default_factory=RootVolume, description="Its root volume")
    vpc_id: f.VpcId | None = Field(default=None, description="VPC of the builder; null: the default one")
    subnet_id: f.SubnetId | None = Field(default=None, description="Subnet of the builder; null: any that offers the instance type")
    address: Literal["public", "private"] = Field(default="public", description="Which of its addresses the build connects to")
    caller_cidr: f.Cidr | None = Field(
        default=None, description="Who may ssh to the builder; null: this machine's address, asked of caller_ip_url"
    )
    caller_ip_url: f.Url = Field(
        default="https://checkip.amazonaws.com", description="Answers with the caller's public address in plain text"
    )
    lifetime_minutes: int = Field(default=180, ge=10, le=f.MINUTES_PER_DAY, description="After that a forgotten builder terminates itself")
    timeouts: Timeouts = Field(default_factory=Timeouts, description="Seconds to wait for what EC2 and the builder do")
    mirrors: Mirrors = Field(default_factory=Mirrors, description="Package registries")


class Checksums(Section):
    """sha256 of an installer, by the name uname -m has for the processors."""

    x86_64: f.Sha256 | None = Field(default=None, description="Of the file for x86_64")
    aarch64: f.Sha256 | None = Field(default=None, description="Of the file for arm64")


class Installer(Section):
    """One release of a distribution: a shell script that unpacks itself."""

    version: f.InstallerVersion = Field(description="Its version, as it stands in the name of the file")
    python: f.PythonVersion | None = Field(default=None, description="The Python it brings: packages are locked for this one")
    urls: Annotated[tuple[f.InstallerUrl, ...], Field(min_length=1)] = Field(
        description="Where it is, the first that has it counts; {version} and {arch} are filled in"
    )
    sha256: Checksums = Field(description="What it has to be, or it does not run")


class Installers(Section):
    """The installers of the distributions that have one."""

    anaconda: Installer | None = Field(default=None, description="Anaconda's")
    miniforge: Installer | None = Field(default=None, description="Miniforge's")


class Python(Section):
    """The users' environment, /opt/anaconda."""

    distribution: Distribution = Field(default="venv", description="How the environment is made")
    accept_terms: bool = Field(default=False, description="That you have accepted the terms of Anaconda; nobody can do that for you")
    installers: Installers = Field(default_factory=Installers, description="The installers of miniforge and anaconda")
    channels: f.CondaChannels = Field(default=("conda-forge",), description="Where conda finds packages, while building and for every user")
    conda_packages: f.CondaPackages = Field(default=(), description="What conda installs into it, as conda takes it")
    packages: f.Packages = Field(default=(), description="What it holds besides JupyterLab and the notebook server, as pip takes it")
    requirements: f.RelativeFile | None = Field(default=None, description="A requirements.txt beside the manifest with more of those")
    environment: f.RelativeFile | None = Field(
        default=None, description="An environment.yml beside the manifest with more of both, and with channels that go first"
    )


def _version_floor(value: str) -> str | None:
    """6.1.1 mends GHSA-hx46-2cv3-mh6g and the token regression after it; 5.5.4 is the same for the 5 series."""
    parts = tuple(int(part) for part in re.findall(r"\d+", value)[:3])
    if not re.fullmatch(r"\d+\.\d+\.\d+", value):
        return "should be a full version such as 6.1.1, in quotes"
    fixed = parts >= (6, 1, 1) or (5, 5, 4) <= parts < (6, 0, 0)
    return None if fixed else "has known security holes: take 6.1.1 or newer (or 5.5.4 and newer of the 5 series)"


class Hub(Section):
    """JupyterHub's own settings, baked into /etc/jupyterhub."""

    version: Annotated[str, f.checked(_version_floor)] | None = Field(
        default=None, description="Exact JupyterHub version; null: the provisioner's own"
    )
    admin_users: f.UserNames = Field(
        default=(), description="Who administers the hub in the browser; accounts that are not there are made, without a password"
    )
    default_url: f.UrlPath = Field(default="/lab", description="Where users land after the login")
    cpu_limit: f.CpuLimit | None = Field(
        default="75%", description="Processors one user may keep busy: a number, or a share of the machine's; null: no limit"
    )
    mem_limit: f.Memory | None = Field(
        default="50%", description="Memory of one user's server, such as 2G, or a share of the machine's; null: no limit"
    )
    tasks_limit: int = Field(default=1000, ge=50, le=100_000, description="Processes and threads of one user's server")
    named_servers: int = Field(default=5, ge=0, le=100, description="Servers a user may have beside the default one")
    idle_timeout_minutes: f.Minutes | None = Field(default=120, description="A server not used for so long is stopped; null: never")
    shutdown_on_logout: bool = Field(default=True, description="Stop a user's server at logout")
    environment: f.Environment = Field(default={}, description="Environment variables every user's server gets")


def _by_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class ProvisionerEntry(Section):
    """One entry of `provisioners`; a bare name is short for {name: …}."""

    name: f.ProvisionerName = Field(description="Folder below provisioners/")
    variables: Annotated[Mapping[str, Any], f.Frozen, f.Thawed] = Field(default={}, description="Values for its variables")
    timeout_minutes: f.Minutes | None = Field(default=None, description="Time limit instead of its own")


Provisioners = tuple[Annotated[ProvisionerEntry, BeforeValidator(_by_name, json_schema_input_type=str | ProvisionerEntry)], ...]


class Tests(Section):
    """The image tests: test_image.py and test_<provisioner>.py of each provisioner used."""

    __test__: ClassVar[bool] = False  # not a test class, whatever pytest thinks of the name

    folder: f.RelativePath = Field(default="tests/image", description="Where they are, seen from the manifest")
    timeout_minutes: f.Minutes = Field(default=30, description="Time limit of one run of them")
    pytest_args: tuple[str, ...] = Field(default=(), description="More arguments for pytest")
    machines: int = Field(default=1, ge=1, le=8, description="Fresh instances of the image that share the tests, each with its own part")


class LaunchPermissions(Section):
    """Who else may launch the image, as EC2 names them (ModifyImageAttribute, LaunchPermission)."""

    user_ids: f.Accounts = Field(default=(), description="Accounts; they may copy the image too")
    user_groups: tuple[Literal["all"], ...] = Field(default=(), max_length=1, description="[all]: everybody, who may copy it too")
    organization_arns: f.OrganizationArns = Field(default=(), description="Every account of these organizations")
    organizational_unit_arns: f.OrganizationalUnitArns = Field(default=(), description="Every account of these organizational units")

    @property
    def is_public(self) -> bool:
        """Whether everybody may."""
        return bool(self.user_groups)

    @property
    def named(self) -> tuple[str, ...]:
        """Who may, in words; nobody when it is empty."""
        everybody = ("everybody",) if self.is_public else ()
        return (*everybody, *self.user_ids, *self.organization_arns, *self.organizational_unit_arns)


class Publish(Section):
    """What happens with an image that has passed."""

    ssm_parameter: f.ParameterTemplate | None = Field(
        default="/hubsmith/{image}/latest", description="Parameter to write the id into ({image}, {channel} are filled in); null: none"
    )
    channel: f.Channel = Field(default="stable", description="Put on the image as a tag; launches ask for a channel")
    tags: f.Tags = Field(default={}, description="Tags put on the image only when it has passed")
    launch_permissions: LaunchPermissions = Field(default_factory=LaunchPermissions, description="Who else may launch it; empty: nobody")


class Retention(Section):
    """Which images of this name prune leaves: those in use or published as a channel or parameter anyway."""

    keep: int = Field(default=3, ge=1, le=1000, description="The newest so many")
    younger_than_days: int = Field(default=0, ge=0, le=3650, description="Beside those, all that are younger; 0: only the newest count")


class Layers(Section):
    """What an earlier build left half-way, to start from instead of the base image."""

    enabled: bool = Field(default=True, description="Keep a snapshot after each provisioner, and start from the deepest that matches")
    max_age_days: int = Field(default=7, ge=1, le=365, description="Their packages may be so old; prune removes older ones")


class DataVolume(Section):
    """The volume that outlives the instances of a hub: homes, the hub's database, certificates, the users' registry."""

    size_gib: int = Field(default=50, ge=1, le=16384, description="Size in GiB; a larger one than before makes the volume grow")
    type: Literal["gp3", "gp2"] = Field(default="gp3", description="EBS volume type")
    kms_key_id: str | None = Field(default=None, min_length=1, description="Key to encrypt with instead of the account's EBS default key")


class Launch(Section):
    """Defaults of launching a hub from the image; the options of `invoke launch` go before them."""

    instance_type: f.InstanceType = Field(default="t3.large", description="Instance type of the hub")
    data_volume: DataVolume = Field(default_factory=DataVolume, description="The volume with everything that has to last")
    subnet_id: f.SubnetId | None = Field(default=None, description="Subnet of the hub; null: one of the default VPC")
    allocation_id: f.AllocationId | None = Field(
        default=None, description="Elastic IP to use; null: the hub's own, made when there is none"
    )
    allowed_cidrs: f.OpenCidrs = Field(default=("0.0.0.0/0",), description="Who may reach the hub on 443 and 80")
    email: f.Email | None = Field(default=None, description="Where Let's Encrypt writes to")
    admin: f.UserName = Field(default="hubadmin", description="Who administers the hub; the account is made at the first boot")
    staging: bool = Field(default=False, description="Certificates of Let's Encrypt's staging directory, which browsers do not trust")
    operator_keys: f.PublicKeys = Field(default=(), description="OpenSSH public keys that may log in besides the launching operator's own")
    ready_minutes: f.Minutes = Field(default=30, description="How long it may take until the hub answers over https")


def _debian() -> Base:
    return Base(owner=DEBIAN_OWNER, name="debian-13-amd64-*")


class ManifestFile(Section):
    """Hubsmith's manifest.yaml."""

    image: Image = Field(description="What the image is called and how it is described")
    cloud: Literal["local", "aws"] = Field(default="local", description="Where to build: the embedded EC2 on this machine, or AWS")
    region: f.Region = Field(default="us-east-1", description="AWS region")
    base: Base = Field(default_factory=_debian, description="The image to start from")
    builder: Builder = Field(default_factory=Builder, description="The instance on which the image is put together")
    python: Python = Field(default_factory=Python, description="The users' Python environment")
    hub: Hub = Field(default_factory=Hub, description="JupyterHub's settings")
    provisioners: Annotated[Provisioners, Field(min_length=1)] = Field(description="What is installed, in order")
    tests: Tests = Field(default_factory=Tests, description="The image tests")
    publish: Publish = Field(default_factory=Publish, description="What happens with an image that has passed")
    retention: Retention = Field(default_factory=Retention, description="How many images are kept")
    layers: Layers = Field(default_factory=Layers, description="Starting half-way")
    launch: Launch = Field(default_factory=Launch, description="Defaults of a launch")
    profiles: Annotated[Mapping[str, Mapping[str, Any]], f.Frozen, f.Thawed] = Field(
        default={}, description="Overlays: the one named like the cloud is applied by itself, others by --profile"
    )
