"""The credentials of an instance's role: moto's STS keeps them, so they outlive the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from moto.core.utils import utcnow
from moto.iam.models import IAMBackend, ManagedPolicy, Role, iam_backends
from moto.sts.models import AssumedRole, STSBackend, sts_backends

from localcloud.iam import arns
from localcloud.iam.policy import BOUNDARY, IDENTITY, SESSION, Policy

LIFETIME = timedelta(hours=6)
# EC2 has new ones ready at least five minutes before the old expire; botocore asks again a quarter of an hour
# before.
RENEW_BEFORE = timedelta(hours=1)
KEPT_EXPIRED = timedelta(hours=12)  # so that whoever still uses them hears that they have expired

PolicySets = tuple[tuple[str, tuple[Policy, ...]], ...]
"""(kind, policies): each kind must allow a call, the role's own, its boundary, and the session's."""


@dataclass(frozen=True)
class Session:
    """Somebody who acts in a role."""

    role: Role | None  # None once it is deleted
    arn: str  # arn:aws:sts::123456789012:assumed-role/hub/i-…
    user_id: str
    name: str
    token: str
    expired: bool
    policy_sets: PolicySets


def credentials(account: str, region: str, role: Role, instance_id: str) -> tuple[AssumedRole, bool]:
    """The credentials an instance has now, new ones (True) if the last expire soon.

    The caller holds the lock.
    """
    partition = arns.partition(region)
    backend = sts_backends[account][partition]
    _drop_old(backend, iam_backends[account][partition])
    for known in reversed(backend.assumed_roles):
        if (
            known.session_name == instance_id
            and known.role_arn == role.arn
            and known.expiration - utcnow() > RENEW_BEFORE
        ):
            return known, False
    return backend.assume_role(region, instance_id, role.arn, "", int(LIFETIME.total_seconds()), ""), True


def find(access_key: str) -> Session | None:
    """Who calls with this key, if it is a role's."""
    for known in _all() if access_key.startswith("ASIA") else ():
        if known.access_key_id == access_key:
            backend = iam_backends[known.account_id][known.role_arn.split(":")[1]]
            role = next((role for role in backend.get_roles() if role.arn == known.role_arn), None)
            sets = _policy_sets(backend, role, known.policy) if role else ()
            return Session(
                role,
                known.arn,
                known.user_id,
                known.session_name,
                known.session_token,
                known.expiration <= utcnow(),
                sets,
            )
    return None


def _policy_sets(backend: IAMBackend, role: Role, own: str | None) -> PolicySets:
    inline = [json.loads(document) for document in role.policies.values()]
    managed = [_document(policy) for policy in role.managed_policies.values()]
    sets: list[tuple[str, tuple[Policy, ...]]] = [(IDENTITY, (*inline, *managed))]
    if role.permissions_boundary_arn:
        sets.append((BOUNDARY, (_document(backend.get_policy(role.permissions_boundary_arn)),)))
    if own:
        sets.append((SESSION, (json.loads(own),)))
    return tuple(sets)


def _document(policy: ManagedPolicy) -> Policy:
    """The version of a managed policy that is in force."""
    chosen = next(version for version in policy.versions if version.version_id == policy.default_version_id)
    found: Policy = json.loads(chosen.document)
    return found


def _all() -> Iterator[AssumedRole]:
    for _, _, backend in sts_backends.iter_backends():
        if isinstance(backend, STSBackend):
            yield from list(backend.assumed_roles)


def _drop_old(backend: STSBackend, keys: IAMBackend) -> None:
    """Forget what expired long ago."""
    long_ago = utcnow() - KEPT_EXPIRED
    for known in [known for known in backend.assumed_roles if known.expiration < long_ago]:
        backend.assumed_roles.remove(known)
        keys.access_keys.pop(known.access_key_id, None)
