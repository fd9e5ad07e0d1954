"""What becomes of the image: its tests, who gets it, how long it is kept, the hubs launched from it."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from build.manifest.schema import fields as f
from build.manifest.schema.fields import Section

USUAL_INSTANCE_TYPE = "t3.large"


class Tests(Section):
    """The image tests: test_image.py and test_<provisioner>.py of each provisioner used."""

    __test__: ClassVar[bool] = False  # not a test class, whatever pytest thinks of the name

    folder: f.RelativePath = Field(
        default="tests/image", description="Folder with the tests, relative to the manifest"
    )
    timeout_minutes: f.Minutes = Field(
        default=30, description="Time limit of one test run; three times that for the inspection of the disk"
    )
    pytest_args: tuple[str, ...] = Field(default=(), description="More arguments for pytest")
    accepted_openings: f.Openings = Field(
        default=(),
        description="What else notebooks may reach on the machine; a failing test prints the lines to put "
        "here",
    )
    machines: int = Field(
        default=1,
        ge=1,
        le=8,
        description="Number of fresh instances of the image; each runs a part of the tests",
    )


class LaunchPermissions(Section):
    """Who else may launch the image, as EC2 names them (ModifyImageAttribute, LaunchPermission)."""

    user_ids: f.Accounts = Field(default=(), description="Accounts; they may copy the image too")
    user_groups: tuple[Literal["all"], ...] = Field(
        default=(), max_length=1, description="[all]: everybody; they may copy the image too"
    )
    organization_arns: f.OrganizationArns = Field(
        default=(), description="Every account of these organizations"
    )
    organizational_unit_arns: f.OrganizationalUnitArns = Field(
        default=(), description="Every account of these organizational units"
    )

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
    """What happens with an image that has passed its tests."""

    ssm_parameter: f.ParameterTemplate | None = Field(
        default="/hubsmith/{image}/latest",
        description="SSM parameter that gets the id ({image} and {channel} are filled in); null: none",
    )
    channel: f.Channel = Field(
        default="stable",
        description="Release channel, a tag of the image; if ssm_parameter is null, `launch` finds the image "
        "by it",
    )
    regions: f.Regions = Field(
        default=(),
        description="Other regions that get a copy of the image, published there in the same way",
    )
    tags: f.Tags = Field(default={}, description="Tags to put on the image when it has passed its tests")
    launch_permissions: LaunchPermissions = Field(
        default_factory=LaunchPermissions, description="Who else may launch it; empty: nobody"
    )


class Retention(Section):
    """Which images of this name `prune` keeps, besides those in use, in a channel or in a parameter."""

    keep: int = Field(default=3, ge=1, le=1000, description="Number of newest images to keep")
    younger_than_days: int = Field(
        default=0, ge=0, le=3650, description="Also keep all images that are younger; 0: no others"
    )


class Layers(Section):
    """Snapshots of earlier builds, to start from instead of the base image."""

    enabled: bool = Field(
        default=True,
        description="Save a snapshot after each provisioner, and start from the last one that matches",
    )
    max_age_days: int = Field(
        default=7, ge=1, le=365, description="Maximum age of their packages; `prune` removes older layers"
    )


class DataVolume(Section):
    """The volume that outlives a hub's instances: homes, database, certificates, the users' registry."""

    size_gib: int = Field(
        default=50, ge=1, le=16384, description="Size in GiB; a volume that is smaller grows"
    )
    type: Literal["gp3", "gp2"] = Field(default="gp3", description="EBS volume type")
    kms_key_id: f.KmsKey | None = Field(
        default=None,
        description="Key to encrypt with (id, alias or ARN) instead of the account's EBS default key",
    )


class Launch(Section):
    """Defaults of launching a hub from the image; the options of `invoke launch` override them."""

    instance_type: f.InstanceType | None = Field(
        default=None, description="Instance type of the hub; it is tried before instance_types"
    )
    instance_types: f.MoreInstanceTypes = Field(
        default=(),
        description="Instance types in order of preference: the next one is tried where a zone has no "
        "capacity. Without any type it is t3.large",
    )
    data_volume: DataVolume = Field(
        default_factory=DataVolume, description="The volume that outlives the hub's instances"
    )
    subnet_id: f.SubnetId | None = Field(
        default=None, description="Subnet of the hub; it is tried before subnet_ids"
    )
    subnet_ids: f.SubnetIds = Field(
        default=(),
        description="Subnets of one VPC, tried in this order; if empty, those of the default VPC, by zone",
    )
    allocation_id: f.AllocationId | None = Field(
        default=None, description="Elastic IP to use; null: the hub's own, made when there is none"
    )
    allowed_cidrs: f.OpenCidrs = Field(
        default=("0.0.0.0/0",), description="Who may reach the hub on 443 and 80"
    )
    email: f.Email | None = Field(default=None, description="Address of the Let's Encrypt account")
    admin: f.UserName = Field(
        default="hubadmin", description="The administrator; the account is created at the first boot"
    )
    first_password_hours: int = Field(
        default=72,
        ge=1,
        le=8760,
        description="How long the administrator's first password works, if it is not changed before",
    )
    tags: f.TagsOfAll = Field(
        default={}, description="Tags to put on everything that a launch makes, when it is made"
    )
    permissions_boundary: f.PolicyArn | None = Field(
        default=None,
        description="ARN of the permissions boundary of the hub's role, a managed policy; null: none",
    )
    instance_profile: f.ProfileName | None = Field(
        default=None,
        description="Existing instance profile to use; the launch then creates no role, and "
        "permissions_boundary is not used",
    )
    staging: bool = Field(
        default=False,
        description="Use Let's Encrypt's staging directory; browsers do not trust its certificates",
    )
    operator_keys: f.PublicKeys = Field(
        default=(), description="OpenSSH public keys that may log in besides the launching operator's own"
    )
    ready_minutes: f.Minutes = Field(
        default=30, description="How long it may take until the hub answers over https"
    )

    @property
    def subnets(self) -> tuple[str, ...]:
        """The subnets to try, in order; none: those of the default VPC."""
        first = (self.subnet_id,) if self.subnet_id else ()
        return tuple(dict.fromkeys((*first, *self.subnet_ids)))

    @property
    def types(self) -> tuple[str, ...]:
        """The instance types to try, in order."""
        first = (self.instance_type,) if self.instance_type else ()
        return tuple(dict.fromkeys((*first, *self.instance_types))) or (USUAL_INSTANCE_TYPE,)
