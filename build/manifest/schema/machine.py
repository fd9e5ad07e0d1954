"""What the image is made from, and the machine that it is made on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from build.aws.publishers import PUBLISHERS
from build.manifest.schema import fields as f
from build.manifest.schema.fields import Section

DEBIAN_OWNER = PUBLISHERS["Debian"]["aws"]

Arch = Literal["x86_64", "aarch64"]
ARCH: Mapping[str, Arch] = {"x86_64": "x86_64", "arm64": "aarch64"}
"""EC2's name of the processors: that of uname -m."""


class Base(Section):
    """The image to start from: exactly one of owner and name, ssm_parameter, or id."""

    owner: f.Owner | None = Field(
        default=None, description="Account that publishes the base image (always needed beside name)"
    )
    name: f.NameFilter | None = Field(
        default=None, description="Name filter; the newest image that matches is taken"
    )
    ssm_parameter: f.PublicParameter | None = Field(
        default=None, description="Systems Manager parameter that holds the id of the base image"
    )
    id: f.ImageId | None = Field(
        default=None, description="Id of the base image, so that every build starts from the same one"
    )
    login_user: f.UserName = Field(
        default="admin",
        description="The user the base image lets in by ssh: admin (Debian), ubuntu, ec2-user",
    )
    architecture: Literal["x86_64", "arm64"] = Field(
        default="x86_64", description="EC2's name of the processor family"
    )

    @model_validator(mode="after")
    def _exactly_one_kind(self) -> Base:
        kinds = {
            "owner and name": self.owner or self.name,
            "ssm_parameter": self.ssm_parameter,
            "id": self.id,
        }
        given = [kind for kind, value in kinds.items() if value]
        if len(given) != 1:
            raise ValueError(
                "should have exactly one of owner and name, ssm_parameter, id; it has "
                f"{', '.join(given) or 'none'}"
            )
        if given == ["owner and name"] and not (self.owner and self.name):
            raise ValueError("should have both owner and name: a name alone can match anyone's public image")
        return self


class RootVolume(Section):
    """The root volume of the builder, and so of the image."""

    size_gib: int = Field(default=16, ge=1, le=65536, description="Size in GiB")
    type: Literal["gp3", "gp2", "io1", "io2"] = Field(default="gp3", description="EBS volume type")
    iops: int | None = Field(
        default=None,
        ge=100,
        le=256000,
        description="Provisioned IOPS: gp3 3000-80000, io1 100-64000, io2 100-256000",
    )
    throughput: int | None = Field(default=None, ge=125, le=2000, description="MiB/s, gp3 only")
    encrypted: bool = Field(default=True, description="Encrypt the volume and the snapshots of the image")
    kms_key_id: f.KmsKey | None = Field(
        default=None,
        description="Key to encrypt with (id, alias or ARN) instead of the account's EBS default key",
    )


class Timeouts(Section):
    """How long each thing may take, in seconds."""

    running_s: f.Seconds = Field(default=300, description="From run-instances to running")
    ssh_s: f.Seconds = Field(default=600, description="From running to an open ssh session")
    cloud_init_s: f.Seconds = Field(default=900, description="Until cloud-init has finished")
    stop_s: f.Seconds = Field(default=300, description="From stop-instances to stopped")
    image_s: f.Seconds = Field(default=3600, description="From create-image to available")


class Mirrors(Section):
    """Package registries to use instead of the tools' defaults, while building."""

    apt: f.AptMirror | None = Field(
        default=None, description="Debian or Ubuntu mirror (for arm64 Ubuntu, of its ports archive)"
    )
    pypi: f.Url | None = Field(
        default=None, description="Python package index (the URL that ends in /simple)"
    )
    npm: f.Url | None = Field(default=None, description="npm registry")
    conda: f.Url | None = Field(
        default=None, description="URL to put in front of the names of conda channels"
    )


class Builder(Section):
    """The temporary instance on which the image is built, and its network."""

    instance_types: f.InstanceTypes = Field(
        default=("t3.large", "t3a.large"),
        description="Instance types in order of preference; each is tried in every zone that offers it",
    )
    root_volume: RootVolume = Field(default_factory=RootVolume, description="Its root volume")
    vpc_id: f.VpcId | None = Field(default=None, description="VPC of the builder; null: the default one")
    subnet_id: f.SubnetId | None = Field(
        default=None,
        description="Subnet of the builder; it is tried before subnet_ids",
    )
    subnet_ids: f.SubnetIds = Field(
        default=(),
        description="Subnets of one VPC, tried in this order; if empty, those of the default VPC, by zone",
    )
    address: Literal["public", "private"] = Field(
        default="public", description="Which of its addresses the build connects to"
    )
    caller_cidr: f.CallerCidrs | None = Field(
        default=None,
        description="From where the builder, and a hub by its operator, can be reached by ssh: a network or "
        "a list; null: this machine's address, as caller_ip_url answers",
    )
    caller_ip_url: f.Url = Field(
        default="https://checkip.amazonaws.com",
        description="URL that answers with the caller's public address, in plain text",
    )
    lifetime_minutes: int = Field(
        default=180,
        ge=10,
        le=f.MINUTES_PER_DAY,
        description="The builder terminates itself after this time, even if its build was killed",
    )
    tags: f.TagsOfAll = Field(
        default={},
        description="Tags to put on everything that a build makes, image and layers included; image.tags "
        "override them",
    )
    timeouts: Timeouts = Field(
        default_factory=Timeouts, description="Seconds to wait for what EC2 and the builder do"
    )
    mirrors: Mirrors = Field(default_factory=Mirrors, description="Package registries")

    @property
    def subnets(self) -> tuple[str, ...]:
        """The subnets to try, in order; none: those of the default VPC."""
        first = (self.subnet_id,) if self.subnet_id else ()
        return tuple(dict.fromkeys((*first, *self.subnet_ids)))
