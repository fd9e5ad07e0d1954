"""Rules between sections, which no section can check by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from build.errors import Problem
from build.manifest.checks import (
    base,
    distributions,
    environments,
    image_tests,
    launch_permissions,
    regions,
    volumes,
)
from build.manifest.checks.email import lets_encrypt_problem
from build.manifest.model import fill_in
from build.manifest.schema import ManifestFile
from build.manifest.schema.fields import MAX_TAGS, parameter_problem
from build.manifest.yaml.nodes import KeyPath, Node, place_of
from build.manifest.yaml.salvage import Salvaged

Rule = Callable[[ManifestFile], Iterable[tuple[KeyPath, str]]]
OWN_TAGS = 25
"""Room for the tags Hubsmith itself puts on an image; the user's have to fit beside them."""
_OF_HUBS = "/hubsmith/hubs"
"""Parameters of hubs are below it: first passwords, host keys. Who builds images has no right to them."""


def check(
    salvaged: Salvaged[ManifestFile], tree: Node, folder: Path, *, building: bool
) -> tuple[Problem, ...]:
    """Everything wrong between the sections of a manifest, as far as its sections are right by themselves."""
    settings = salvaged.model
    if settings is None:
        return ()
    rules: list[tuple[Rule, tuple[str, ...]]] = [*_RULES, (partial(_tests, folder=folder), ("tests",))]
    if building:
        rules.append((distributions.terms, _PYTHON))
    found = [each for rule, keys in rules if salvaged.knows(*keys) for each in rule(settings)]
    return tuple(place_of(tree, path).problem(path, message) for path, message in found)


def _vpc(settings: ManifestFile) -> Iterator[tuple[KeyPath, str]]:
    if settings.builder.vpc_id and not settings.builder.subnets:
        yield (
            ("builder", "vpc_id"),
            "needs builder.subnet_ids beside it: without a subnet EC2 launches in the default VPC",
        )


def _admins(settings: ManifestFile) -> Iterator[tuple[KeyPath, str]]:
    """`admin` is the login user of Debian's images; Ubuntu's sudoers gives that group everything."""
    for index, user in enumerate(settings.hub.admin_users):
        if complaint := admin_problem(user, settings.base.login_user):
            yield ("hub", "admin_users", index), f"{user} {complaint}"


def _launch_admin(settings: ManifestFile) -> Iterator[tuple[KeyPath, str]]:
    if complaint := admin_problem(settings.launch.admin, settings.base.login_user):
        yield ("launch", "admin"), f"{settings.launch.admin} {complaint}"


def admin_problem(user: str, login_user: str) -> str | None:
    """Why ``user`` cannot administer a hub whose operator logs in as ``login_user``, or None."""
    if user not in ("root", "admin", login_user):
        return None
    other = "hubadmin" if login_user != "hubadmin" else "hub-admin"
    return f"is an account of the base image, with full sudo on some: choose another name, such as {other}"


def _parameter(settings: ManifestFile) -> Iterator[tuple[KeyPath, str]]:
    if f"/hubsmith/{settings.image.name}" == _OF_HUBS:
        yield (
            ("image", "name"),
            f"is taken: parameters of hubs are below {_OF_HUBS}, which builds cannot reach",
        )
        return
    name = fill_in(settings.publish.ssm_parameter, settings.image.name, settings.publish.channel)
    complaint = parameter_problem(name) if name else None
    if name and f"{name}/".startswith(f"{_OF_HUBS}/"):
        complaint = f"is among the parameters of hubs ({_OF_HUBS}), which builds cannot reach"
    if complaint:
        yield ("publish", "ssm_parameter"), f"becomes {name} and {complaint}"


def _tags(settings: ManifestFile) -> Iterator[tuple[KeyPath, str]]:
    of_an_image = {**settings.builder.tags, **settings.image.tags, **settings.publish.tags}
    for path, given, others in (
        (("image", "tags"), of_an_image, " with those of publish and builder"),
        (("launch", "tags"), settings.launch.tags, ""),
    ):
        if OWN_TAGS + len(given) > MAX_TAGS:
            yield (
                path,
                f"has {len(given)} tags{others}; the limit is {MAX_TAGS}, {OWN_TAGS} of them for Hubsmith",
            )


def _tests(settings: ManifestFile, folder: Path) -> Iterator[tuple[KeyPath, str]]:
    if not (folder / settings.tests.folder).is_dir():
        yield ("tests", "folder"), f"there is no folder {settings.tests.folder} beside the manifest"


def _private(settings: ManifestFile) -> Iterator[tuple[KeyPath, str]]:
    """The address that caller_ip_url sees is a public one, which no builder in a VPC is called from."""
    if settings.cloud == "aws" and settings.builder.address == "private" and not settings.builder.caller_cidr:
        yield (
            ("builder", "address"),
            "is private, which needs builder.caller_cidr: the network that the build connects from",
        )


def _email(settings: ManifestFile) -> Iterator[tuple[KeyPath, str]]:
    """On AWS certificates are Let's Encrypt's; the local cloud has an ACME server of its own."""
    complaint = lets_encrypt_problem(settings.launch.email or "") if settings.cloud == "aws" else None
    if complaint:
        yield ("launch", "email"), f"{settings.launch.email} {complaint}"


_PYTHON = ("python.distribution", "python.accept_terms")
_RULES: tuple[tuple[Rule, tuple[str, ...]], ...] = (
    (_admins, ("hub.admin_users", "base.login_user")),
    (_launch_admin, ("launch.admin", "base.login_user")),
    (_parameter, ("image.name", "publish.ssm_parameter", "publish.channel")),
    (_tags, ("builder.tags", "image.tags", "launch.tags", "publish.tags")),
    (_vpc, ("builder.vpc_id", "builder.subnet_id", "builder.subnet_ids")),
    (_private, ("cloud", "builder.address", "builder.caller_cidr")),
    (_email, ("cloud", "launch.email")),
    (distributions.channels, ("python.channels", *_PYTHON)),
    (distributions.needs, ("python.distribution", "python.conda_packages", "python.environment")),
    (environments.names, ("python.environments",)),
    (environments.needs, ("python.environments", "python.distribution")),
    (environments.channels, ("python.environments", *_PYTHON)),
    (distributions.installers, ("python.distribution", "python.installers", "base.architecture")),
    (launch_permissions.problems, ("publish.launch_permissions", "builder.root_volume", *_PYTHON)),
    (base.problems, ("base.owner", "region")),
    (image_tests.problems, ("tests",)),
    (regions.problems, ("publish.regions", "region", "builder.root_volume")),
    (volumes.problems, ("builder.root_volume", "launch.data_volume", "region")),
)
"""Each rule with the keys that it reads: it says nothing where one of them is wrong by itself."""
