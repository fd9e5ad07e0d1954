"""IAM's own calls in IAM's words: the roles, profiles and policies they name, and their condition keys.

After
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html.
A request names a role without its path; `entities.looked_up` completes what exists already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.iam import arns
from localcloud.iam.wildcards import Context

Parameters = Mapping[str, Any]

_KINDS = {
    "RoleName": "role",
    "InstanceProfileName": "instance-profile",
    "UserName": "user",
    "GroupName": "group",
}
# They name a role beside the profile; the right to use the role is PassRole.
_OF_PROFILES = ("AddRoleToInstanceProfile", "RemoveRoleFromInstanceProfile")


def named(operation: str, parameters: Parameters, place: str) -> list[str]:
    """The ARNs of what the call names or makes; a path counts only where something is made."""
    start = f"{arns.prefix(place)}:iam::{place.partition(':')[2]}:"
    path = str(parameters.get("Path") or "/").lstrip("/") if operation.startswith("Create") else ""
    kinds = {
        name: kind for name, kind in _KINDS.items() if not (name == "RoleName" and operation in _OF_PROFILES)
    }
    found = [
        f"{start}{kind}/{path}{parameters[name]}" for name, kind in kinds.items() if parameters.get(name)
    ]
    if operation == "CreatePolicy":
        return [f"{start}policy/{path}{parameters.get('PolicyName')}"]
    return found or ([str(parameters["PolicyArn"])] if parameters.get("PolicyArn") else [])


def keys(operation: str, parameters: Parameters) -> Context:
    """What the request itself says: the boundary that a role is to have, the policy that is attached."""
    found = {}
    if operation in ("CreateRole", "PutRolePermissionsBoundary") and parameters.get("PermissionsBoundary"):
        found["iam:permissionsboundary"] = (str(parameters["PermissionsBoundary"]),)
    if operation in ("AttachRolePolicy", "DetachRolePolicy") and parameters.get("PolicyArn"):
        found["iam:policyarn"] = (str(parameters["PolicyArn"]),)
    return found
