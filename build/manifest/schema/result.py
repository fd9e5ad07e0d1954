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
        default="tests/image", description="Where they are, seen from the manifest"
    )
    timeout_minutes: f.Minutes = Field(
        default=30, description="Time limit of one run of them; three times that for the look from outside"
    )
    pytest_args: tuple[str, ...] = Field(default=(), description="More arguments for pytest")
    accepted_openings: f.Openings = Field(
        default=(),
        description="What notebooks may do to the machine beside what the tests know: lines that the tests "
        "have told",
    )
    machines: int = Field(
        default=1,
        ge=1,
        le=8,
        description="Fresh instances of the image that share the tests, each with its own part",
    )


class LaunchPermissions(Section):
    """Who else may launch the image, as EC2 names them (ModifyImageAttribute, LaunchPermission)."""

    user_ids: f.Accounts = Field(default=(), description="Accounts; they may copy the image too")
    user_groups: tuple[Literal["all"], ...] = Field(
        default=(), max_length=1, description="[all]: everybody, who may copy it too"
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
    """What happens with an image that has passed."""

    ssm_parameter: f.ParameterTemplate | None = Field(
        default="/hubsmith/{image}/latest",
        description="Parameter to write the id into ({image}, {channel} are filled in); null: none",
    )
    channel: f.Channel = Field(
        default="stable",
        description="Put on the image as a tag; with ssm_parameter null it names the image to launch",
    )
    regions: f.Regions = Field(
        default=(),
        description="Other regions that get a copy of the image, published there in the same way",
    )
    tags: f.Tags = Field(default={}, description="Tags put on the image only when it has passed")
    launch_permissions: LaunchPermissions = Field(
        default_factory=LaunchPermissions, description="Who else may launch it; empty: nobody"
    )


class Retention(Section):
    """Which images of this name prune leaves: those in use or published as a channel or parameter anyway."""

    keep: int = Field(default=3, ge=1, le=1000, description="The newest so many")
    younger_than_days: int = Field(
        default=0, ge=0, le=3650, description="Beside those, all that are younger; 0: only the newest count"
    )


class Layers(Section):
    """What an earlier build left half-way, to start from instead of the base image."""

    enabled: bool = Field(
        default=True,
        description="Keep a snapshot after each provisioner, and start from the deepest that matches",
    )
    max_age_days: int = Field(
        default=7, ge=1, le=365, description="Their packages may be so old; prune removes older ones"
    )


class DataVolume(Section):
    """The volume that outlives a hub's instances: homes, database, certificates, the users' registry."""

    size_gib: int = Field(
        default=50, ge=1, le=16384, description="Size in GiB; a larger one than before makes the volume grow"
    )
    type: Literal["gp3", "gp2"] = Field(default="gp3", description="EBS volume type")
    kms_key_id: f.KmsKey | None = Field(
        default=None,
        description="Key to encrypt with (id, alias or ARN) instead of the account's EBS default key",
    )


class Launch(Section):
    """Defaults of launching a hub from the image; the options of `invoke launch` go before them."""

    instance_type: f.InstanceType | None = Field(
        default=None, description="Instance type of the hub; it is tried before instance_types"
    )
    instance_types: f.MoreInstanceTypes = Field(
        default=(),
        description="Types for the hub in order of preference, for zones without capacity; "
        "without any type it is t3.large",
    )
    data_volume: DataVolume = Field(
        default_factory=DataVolume, description="The volume with everything that has to last"
    )
    subnet_id: f.SubnetId | None = Field(
        default=None, description="Subnet of the hub; it is tried before subnet_ids"
    )
    subnet_ids: f.SubnetIds = Field(
        default=(),
        description="Subnets of one VPC, tried in this order; without any those of the default VPC, by zone",
    )
    allocation_id: f.AllocationId | None = Field(
        default=None, description="Elastic IP to use; null: the hub's own, made when there is none"
    )
    allowed_cidrs: f.OpenCidrs = Field(
        default=("0.0.0.0/0",), description="Who may reach the hub on 443 and 80"
    )
    email: f.Email | None = Field(default=None, description="Address of the Let's Encrypt account")
    admin: f.UserName = Field(
        default="hubadmin", description="Who administers the hub; the account is made at the first boot"
    )
    first_password_hours: int = Field(
        default=72,
        ge=1,
        le=8760,
        description="The administrator's first password works for so long, unless it is used and changed "
        "before",
    )
    tags: f.TagsOfAll = Field(
        default={}, description="Tags to put on everything that a launch makes, when it is made"
    )
    permissions_boundary: f.PolicyArn | None = Field(
        default=None,
        description="Managed policy that bounds what the hub's role may ever do; null: the role has no "
        "boundary",
    )
    instance_profile: f.ProfileName | None = Field(
        default=None,
        description="Instance profile to use instead of a role and profile that the launch makes; "
        "permissions_boundary is not used then",
    )
    staging: bool = Field(
        default=False,
        description="Certificates of Let's Encrypt's staging directory, which browsers do not trust",
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
