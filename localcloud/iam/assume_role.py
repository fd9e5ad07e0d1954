"""AssumeRole: whom a role trusts, and for how long a session may last.

After https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html, and for who needs a policy of
their own beside the role's trust https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user.html
and reference_policies_evaluation-logic_policy-eval-basics-req-context.html: a principal that the trust policy
names needs none, one of a trusted account does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from moto.iam.models import Role, iam_backends

from localcloud.iam.callers import JudgedCaller
from localcloud.iam.conditions import UnknownOperatorError, holds
from localcloud.iam.refusal import Refusal
from localcloud.iam.wildcards import Context, matches

Parameters = Mapping[str, Any]

ACTION = "sts:AssumeRole"
SHORTEST_S, LONGEST_S, CHAINED_S = 900, 43200, 3600
NAMED, ACCOUNT, NOBODY = "named", "account", ""
_MISSING = ("GetFederationToken", "GetSessionToken")


def refuse(
    operation: str, parameters: Parameters, caller: JudgedCaller | None, account: str
) -> Refusal | None:
    """What STS refuses whoever asks, None where the call may go on. The caller holds the lock."""
    if operation in _MISSING or (operation == "AssumeRole" and parameters.get("PolicyArns")):
        what = operation if operation in _MISSING else "PolicyArns of AssumeRole"
        return Refusal("UnsupportedOperation", f"The local cloud does not support {what}.", 400)
    if operation != "AssumeRole":
        return None
    role = find(str(parameters.get("RoleArn")), account)
    if role is None:
        who = caller.arn if caller else _owner(str(parameters.get("RoleArn")), account)
        told = f"User: {who} is not authorized to perform: {ACTION} on resource: {parameters.get('RoleArn')}"
        return Refusal("AccessDenied", told)
    return _of_policy(parameters.get("Policy")) or _of_duration(
        int(parameters.get("DurationSeconds") or 3600), role, caller
    )


def find(arn: str, account: str) -> Role | None:
    """The role with exactly this ARN, path included."""
    backend = iam_backends[account][_partition(arn)]
    return next((role for role in backend.get_roles() if role.arn == arn), None)


def trust(role: Role, caller: JudgedCaller, context: Context, account: str) -> str | None:
    """How the role's trust policy means the caller: NAMED, ACCOUNT or NOBODY; None: it denies them.

    A statement whose condition cannot be judged here allows nothing.
    """
    found = {
        (statement.get("Effect"), how)
        for statement in _statements(role)
        if (how := _means(statement.get("Principal"), caller, role.arn, account))
        and _applies(statement, context)
    }
    if any(effect == "Deny" for effect, _ in found):
        return None
    return next((how for how in (NAMED, ACCOUNT) if ("Allow", how) in found), NOBODY)


def keys(parameters: Parameters) -> Context:
    """The condition keys of the request itself."""
    known = {"ExternalId": "sts:externalid", "RoleSessionName": "sts:rolesessionname"}
    return {key: (str(parameters[name]),) for name, key in known.items() if parameters.get(name)}


def _statements(role: Role) -> Iterator[Mapping[str, Any]]:
    document = role.assume_role_policy_document
    found = (json.loads(document) if isinstance(document, str) else document).get("Statement", [])
    yield from [found] if isinstance(found, Mapping) else found


def _applies(statement: Mapping[str, Any], context: Context) -> bool:
    actions = statement.get("Action", [])
    if not any(
        matches(one.lower(), ACTION.lower()) for one in ([actions] if isinstance(actions, str) else actions)
    ):
        return False
    try:
        return holds(statement.get("Condition") or {}, context)
    except UnknownOperatorError:
        return bool(statement.get("Effect") == "Deny")


def _means(principal: Any, caller: JudgedCaller, role_arn: str, account: str) -> str:  # noqa: ANN401  # JSON
    named = principal.get("AWS", []) if isinstance(principal, Mapping) else principal
    listed = [named] if isinstance(named, str) else named or []
    if any(one in ("*", caller.arn, caller.principal) for one in listed):
        return NAMED
    return ACCOUNT if {account, _owner(role_arn, account)} & set(listed) else NOBODY


def _owner(role_arn: str, account: str) -> str:
    """The ARN of an account in the partition of a role."""
    return f"arn:{_partition(role_arn)}:iam::{account}:root"


def _partition(arn: str) -> str:
    return arn.split(":")[1] if arn.startswith("arn:aws") else "aws"


def _of_policy(policy: str | None) -> Refusal | None:
    try:
        is_policy = policy is None or isinstance(json.loads(policy), dict)
    except ValueError:
        is_policy = False
    if is_policy:
        return None
    return Refusal("MalformedPolicyDocument", "This policy contains invalid Json", 400)


def _of_duration(seconds: int, role: Role, caller: JudgedCaller | None) -> Refusal | None:
    if not SHORTEST_S <= seconds <= LONGEST_S:
        bound = (
            f"greater than or equal to {SHORTEST_S}"
            if seconds < SHORTEST_S
            else f"less than or equal to {LONGEST_S}"
        )
        return _invalid(
            f"1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy "
            f"constraint: Member must have value {bound}"
        )
    if caller and caller.role and seconds > CHAINED_S:
        return _invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
            "chaining"
        )
    if seconds > int(role.max_session_duration or 3600):
        return _invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return None


def _invalid(message: str) -> Refusal:
    return Refusal("ValidationError", message, 400)
