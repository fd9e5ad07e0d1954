"""The roles and instance profiles that calls name: their paths, boundaries, and who passes which role.

PassRole and iam:PassedToService after
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html: whoever gives a role to an
instance, or puts it into an instance profile (AddRoleToInstanceProfile), needs iam:PassRole for it.
iam:PermissionsBoundary after
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from moto.iam.models import IAMBackend, InstanceProfile, Role, iam_backends

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
_GIVE_A_PROFILE = ("AssociateIamInstanceProfile", "ReplaceIamInstanceProfileAssociation", "RunInstances")


def looked_up(call: JudgedCall, region: str, account: str) -> JudgedCall:
    """The call with the full ARNs of what it names, and the boundary of its role as a condition key.

    The caller holds the lock.
    """
    if not call.action.startswith("iam:"):
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


def passed(
    service: str, operation: str, parameters: Mapping[str, Any], region: str, account: str
) -> list[JudgedCall]:
    """The PassRole that a call is besides."""
    backend: IAMBackend = iam_backends[account][arns.partition(region)]
    roles: list[Role] = []
    if service == "iam" and operation == "AddRoleToInstanceProfile":
        roles = [role for role in backend.get_roles() if role.name == parameters.get("RoleName")]
    if service == "ec2" and operation in _GIVE_A_PROFILE:
        wanted = (parameters.get("IamInstanceProfile") or {}).values()
        roles = [
            role
            for one in backend.get_instance_profiles()
            if one.name in wanted or one.arn in wanted
            for role in one.roles
        ]
    return [
        JudgedCall("iam:PassRole", (role.arn,), {"iam:passedtoservice": (arns.passed_to_ec2(region),)})
        for role in roles
    ]


def _all(backend: IAMBackend) -> Iterator[Role | InstanceProfile]:
    yield from backend.get_roles()
    yield from backend.get_instance_profiles()
