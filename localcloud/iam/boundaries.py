"""What IAM refuses of permissions boundaries and managed policies, and moto does not; for every caller.

After https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePermissionsBoundary.html and
API_DeletePolicy.html; the messages as AWS gives them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from moto.iam.models import IAMBackend, ManagedPolicy, iam_backends

from localcloud.iam import arns
from localcloud.iam.refusal import Refusal

_ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]{1,512}")
_VERSIONS = (
    "This policy has more than one version. Before you delete a policy, you must delete the policy's "
    "versions. "
    "The default version is deleted with the policy."
)


def refuse(operation: str, parameters: Mapping[str, Any], region: str, account: str) -> Refusal | None:
    """The refusal of a call of IAM, None where it may go on. The caller holds the lock of the model."""
    backend = iam_backends[account][arns.partition(region)]
    boundary = parameters.get("PermissionsBoundary")
    if operation == "PutRolePermissionsBoundary" or (operation == "CreateRole" and boundary is not None):
        return _unknown(backend, str(boundary or ""))
    if operation == "CreateUser" and boundary is not None:
        return Refusal(
            "UnsupportedOperation", "The local cloud does not support permissions boundaries of users.", 400
        )
    if operation == "DeletePolicy" and (
        policy := backend.managed_policies.get(str(parameters.get("PolicyArn")))
    ):
        return _in_use(backend, policy)
    return None


def _unknown(backend: IAMBackend, arn: str) -> Refusal | None:
    if not _ARN.fullmatch(arn):
        return Refusal("InvalidInput", f"ARN {arn} is not valid.", 400)
    if arn in backend.managed_policies:
        return None
    return Refusal("NoSuchEntity", f"Scope ARN: {arn} does not exist or is not attachable.", 404)


def _in_use(backend: IAMBackend, policy: ManagedPolicy) -> Refusal | None:
    is_boundary = any(role.permissions_boundary_arn == policy.arn for role in backend.get_roles())
    if is_boundary or policy.attachment_count:
        return Refusal("DeleteConflict", "Cannot delete a policy attached to entities.", 409)
    return Refusal("DeleteConflict", _VERSIONS, 409) if len(policy.versions) > 1 else None
