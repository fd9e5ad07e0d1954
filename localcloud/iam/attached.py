"""The policies that a role, a session of it or a user has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from moto.iam.models import Group, IAMBackend, ManagedPolicy, Role, User

from localcloud.iam.policy import BOUNDARY, IDENTITY, SESSION, Policy

PolicySets = tuple[tuple[str, tuple[Policy, ...]], ...]
"""(kind, policies): each kind must allow a call: one's own, the boundary, and the session's."""


def of_role(backend: IAMBackend, role: Role, session_policy: str | None) -> PolicySets:
    """Those that count in a session of the role."""
    sets: list[tuple[str, tuple[Policy, ...]]] = [(IDENTITY, tuple(_own(role)))]
    if role.permissions_boundary_arn:
        sets.append((BOUNDARY, (_document(backend.get_policy(role.permissions_boundary_arn)),)))
    if session_policy:
        sets.append((SESSION, (json.loads(session_policy),)))
    return tuple(sets)


def of_user(backend: IAMBackend, user: User) -> PolicySets:
    """A user's own and those of the user's groups."""
    groups: list[Any] = backend.get_groups_for_user(user.name)
    return ((IDENTITY, tuple(policy for one in (user, *groups) for policy in _own(one))),)


def _own(one: Role | User | Group) -> Iterator[Policy]:
    """Inline and managed."""
    for document in one.policies.values():
        yield json.loads(document)
    for policy in one.managed_policies.values():
        yield _document(policy)


def _document(policy: ManagedPolicy) -> Policy:
    """The version of a managed policy that is in force."""
    chosen = next(version for version in policy.versions if version.version_id == policy.default_version_id)
    found: Policy = json.loads(chosen.document)
    return found
