"""The roles, instance profiles, users and groups that calls name: their paths, and roles' boundaries.

A request names them by name. IAM judges what does not exist by an ARN without a path (`role/NAME`), except in
the call that makes it.
iam:PermissionsBoundary after
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from moto.iam.models import Group, IAMBackend, InstanceProfile, Role, User, iam_backends

from localcloud.iam import arns
from localcloud.iam.policy import JudgedCall

_BY_BOUNDARY = {
    f"iam:{action}"
    for action in (
        "AttachRolePolicy",
        "DeleteRolePermissionsBoundary",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "PutRolePolicy",
    )
}
_MAKE = {f"iam:Create{kind}" for kind in ("Group", "InstanceProfile", "Role", "User")}


def looked_up(call: JudgedCall, region: str, account: str) -> JudgedCall:
    """The call with the full ARNs of what it names, and the boundary of its role as a condition key.

    The caller holds the lock.
    """
    if not call.action.startswith("iam:") or call.action in _MAKE:
        return call
    backend: IAMBackend = iam_backends[account][arns.partition(region)]
    known = {one.arn.replace(f"{one.path}{one.name}", f"/{one.name}"): one for one in _all(backend)}
    found = [known.get(resource) for resource in call.resources]
    resources = tuple(
        one.arn if one else resource for one, resource in zip(found, call.resources, strict=True)
    )
    boundary = next((one.permissions_boundary_arn for one in found if isinstance(one, Role)), None)
    keys = {"iam:permissionsboundary": (boundary,)} if boundary and call.action in _BY_BOUNDARY else {}
    return replace(call, resources=resources, context={**call.context, **keys})


def _all(backend: IAMBackend) -> Iterator[Role | InstanceProfile | User | Group]:
    yield from backend.get_roles()
    yield from backend.get_instance_profiles()
    yield from backend.users.values()
    yield from backend.groups.values()
