"""IAM's evaluation of policies: an explicit Deny wins, then an Allow, else no.

After https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from localcloud.iam.conditions import UnknownOperatorError, holds
from localcloud.iam.wildcards import Context, matches

Policy = Mapping[str, Any]  # a policy document


@dataclass(frozen=True)
class JudgedCall:
    """One call in IAM's words; each of its resources must be allowed.

    ``of_resource`` has the condition keys that are one resource's own: its tags, or those it is to be made
    with.
    """

    action: str  # ssm:GetParameter
    resources: tuple[str, ...] = ("*",)
    context: Context = field(default_factory=dict)
    of_resource: Mapping[str, Context] = field(default_factory=dict)

    def context_of(self, resource: str) -> Context:
        """The condition keys this resource is judged by."""
        return {**self.context, **self.of_resource.get(resource, {})}


@dataclass(frozen=True)
class Decision:
    """Whether, and if not, for which resource, why, and by which kind of policy."""

    allowed: bool
    resource: str = ""
    reason: str = ""
    kind: str = ""
    is_explicit: bool = False


IDENTITY, BOUNDARY, SESSION = "identity-based policy", "permissions boundary", "session policy"
"""Kinds of policies. Each kind that a caller has must allow a call."""


def decide(policies: Sequence[Policy], call: JudgedCall, kind: str = IDENTITY) -> Decision:
    """May the call be made by whoever has exactly these policies? ``kind`` is what a refusal calls them."""
    for resource in call.resources:
        context = call.context_of(resource)
        try:
            effects = {
                statement.get("Effect")
                for statement in _statements(policies)
                if _applies(statement, call.action, resource, context)
            }
        except UnknownOperatorError as unknown:
            why = f"because a policy has a condition the local cloud cannot judge: {unknown}"
            return Decision(False, resource, why, kind, is_explicit=True)
        if "Deny" in effects:
            why = f"with an explicit deny in {'an' if kind == IDENTITY else 'a'} {kind}"
            return Decision(False, resource, why, kind, is_explicit=True)
        if "Allow" not in effects:
            return Decision(False, resource, f"because no {kind} allows the {call.action} action", kind)
    return Decision(True)


def _statements(policies: Iterable[Policy]) -> Iterator[Mapping[str, Any]]:
    for policy in policies:
        found = policy.get("Statement", [])
        yield from [found] if isinstance(found, Mapping) else found


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    is_action = _named(statement, "Action", lambda pattern: matches(pattern.lower(), action.lower()))
    if not is_action or not _named(
        statement, "Resource", lambda pattern: matches(pattern, resource, context)
    ):
        return False
    return holds(statement.get("Condition") or {}, context)


def _named(statement: Mapping[str, Any], element: str, is_meant: Callable[[str], bool]) -> bool:
    """Action or NotAction, Resource or NotResource."""
    if f"Not{element}" in statement:
        return not any(is_meant(pattern) for pattern in _listed(statement[f"Not{element}"]))
    return any(is_meant(pattern) for pattern in _listed(statement.get(element)))


def _listed(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []
