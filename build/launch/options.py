"""What is wanted of a launch: the options, and where they say nothing the manifest's ``launch:``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from build.errors import UserError
from build.image_contract import USUAL_PASSWORD_HOURS
from build.manifest import Launch as Defaults
from build.manifest import Manifest
from build.manifest.checks.cross_section import admin_problem
from build.manifest.checks.email import lets_encrypt_problem

EXAMPLE_EMAIL = "you@your-university.edu"
STAGING_DIRECTORY = "https://acme-staging-v02.api.letsencrypt.org/directory"


@dataclass(frozen=True)
class CliOptions:
    """As given on the command line; empty or 0 where nothing was said."""

    ami: str = ""
    instance_type: str = ""
    subnet: str = ""
    data_size: int = 0
    email: str = ""
    admin: str = ""
    staging: bool = False
    no_dns: bool = False
    rehearse: bool = False
    take_over: bool = False
    replace: bool = False
    no_wait: bool = False


@dataclass(frozen=True)
class LaunchOptions:
    """What is wanted, complete."""

    defaults: Defaults
    image_id: str | None
    instance_types: tuple[str, ...]
    """In order of preference."""
    subnet_ids: tuple[str, ...]
    """In order of preference; none: those of the default VPC."""
    data_size_gib: int | None
    """None: as it is; a new volume gets the manifest's size."""
    email: str
    admin: str
    staging: bool
    subdomains: bool
    dns: bool
    rehearse: bool
    take_over: bool
    replace: bool
    wait: bool
    standby: bool = False
    """A new instance is to wait until the hub is handed over to it, and to be silent before."""

    @property
    def new_volume_gib(self) -> int:
        """Size of a data volume that has to be made."""
        return self.data_size_gib or self.defaults.data_volume.size_gib

    @property
    def settings_of_the_image(self) -> list[str]:
        """What the image itself has to support for these options, as the manifest names it."""
        hours = self.defaults.first_password_hours != USUAL_PASSWORD_HOURS
        return (
            ["launch.first_password_hours"] * hours
            + ["hub.subdomains"] * self.subdomains
            + ["upgrade"] * self.standby
        )


def resolve_options(manifest: Manifest, options: CliOptions) -> LaunchOptions:
    """Options over defaults. Raises UserError for what is not valid."""
    given = {
        "instance_type": options.instance_type,
        "subnet_id": options.subnet,
        "email": options.email,
        "admin": options.admin,
    }
    defaults = _checked(manifest, {key: value for key, value in given.items() if value})
    if not defaults.email:
        raise UserError(
            "--email is required (address of the Let's Encrypt account)",
            hint=f"Example: --email {EXAMPLE_EMAIL}, or launch.email in the manifest",
        )
    if options.ami and not is_image_id(options.ami):
        raise UserError(f"--ami {options.ami}: not the id of an image", hint="`invoke images` lists them")
    if options.data_size < 0 or options.data_size > 16384:
        raise UserError(f"--data-size {options.data_size}: should be 1 to 16384 GiB")
    return LaunchOptions(
        defaults=defaults,
        image_id=options.ami or None,
        instance_types=(options.instance_type,) if options.instance_type else defaults.types,
        subnet_ids=(options.subnet,) if options.subnet else defaults.subnets,
        data_size_gib=options.data_size or None,
        email=defaults.email,
        admin=defaults.admin,
        staging=options.staging or options.rehearse or defaults.staging,
        subdomains=manifest.hub.subdomains,
        dns=not (options.no_dns or options.rehearse),
        rehearse=options.rehearse,
        take_over=options.take_over,
        replace=options.replace,
        wait=not options.no_wait,
    )


def check_email(manifest: Manifest, wanted: LaunchOptions) -> None:
    """Raise UserError for an address that Let's Encrypt would refuse when everything else has been made.

    The local cloud has an ACME server of its own, which takes any.
    """
    if manifest.cloud == "aws" and (complaint := lets_encrypt_problem(wanted.email)):
        raise UserError(f"--email {wanted.email} {complaint}", hint=f"Example: --email {EXAMPLE_EMAIL}")


def is_image_id(text: str) -> bool:
    """Whether EC2 could know an image by it."""
    return re.fullmatch(r"ami-([0-9a-f]{8}|[0-9a-f]{17})", text) is not None


_OPTION_OF = {
    "instance_type": "--instance-type",
    "subnet_id": "--subnet",
    "email": "--email",
    "admin": "--admin",
}


def _checked(manifest: Manifest, given: dict[str, str]) -> Defaults:
    """The manifest's section with ``given`` over it, by the same rules."""
    base = manifest.launch.model_dump()
    for key, value in given.items():
        try:
            Defaults.model_validate({key: value})
        except ValueError as exc:
            says = str(exc).splitlines()[2].strip().removeprefix("Value error, ").partition(" [type=")[0]
            raise UserError(f"{_OPTION_OF[key]} {value}: {says}") from None
    merged = Defaults.model_validate({**base, **given})
    if complaint := admin_problem(merged.admin, manifest.base.login_user):
        raise UserError(f"--admin {merged.admin} {complaint}")
    return merged
