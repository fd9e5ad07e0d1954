"""Rules between sections, which no section can check by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from build.errors import Problem
from build.manifest.checks import distributions, launch_permissions
from build.manifest.model import fill_in
from build.manifest.schema import ManifestFile
from build.manifest.schema.fields import MAX_TAGS, parameter_problem
from build.manifest.yaml.nodes import KeyPath, Node, place_of

OWN_TAGS = 25
"""Room for the tags Hubsmith itself puts on an image; the user's have to fit beside them."""
_OF_HUBS = "/hubsmith/hubs"
"""Parameters of hubs are below it: first passwords, host keys. Who builds images has no right to them."""


def check(settings: ManifestFile, tree: Node, folder: Path, *, building: bool) -> tuple[Problem, ...]:
    """Everything wrong between the sections of a manifest whose sections are right by themselves."""
    found = (
        *_network(settings),
        *_admins(settings),
        *_launch_admin(settings),
        *_parameter(settings),
        *_tags(settings),
        *_tests(settings, folder),
        *distributions.problems(settings),
        *launch_permissions.problems(settings),
        *(distributions.terms(settings) if building else ()),
    )
    return tuple(place_of(tree, path).problem(path, message) for path, message in found)


def _network(settings: ManifestFile) -> Iterator[tuple[KeyPath, str]]:
    builder = settings.builder
    if builder.vpc_id and not builder.subnets:
        yield (
            ("builder", "vpc_id"),
            "needs builder.subnet_ids beside it: without a subnet EC2 launches in the default VPC",
        )
    if builder.address == "private" and not builder.caller_cidr:
        yield (
            ("builder", "address"),
            "private needs builder.caller_cidr: the address that builder.caller_ip_url tells is a public one",
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
    return "is an account of the base image, with full sudo on some: choose another name, such as hubadmin"


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
    given = len({**settings.image.tags, **settings.publish.tags})
    if OWN_TAGS + given > MAX_TAGS:
        yield (
            ("image", "tags"),
            f"has {given} tags with those of publish; the limit is {MAX_TAGS}, {OWN_TAGS} of them for "
            "Hubsmith",
        )


def _tests(settings: ManifestFile, folder: Path) -> Iterator[tuple[KeyPath, str]]:
    if not (folder / settings.tests.folder).is_dir():
        yield ("tests", "folder"), f"there is no folder {settings.tests.folder} beside the manifest"
