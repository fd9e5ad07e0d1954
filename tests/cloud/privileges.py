"""A test aid: did a role get along with its policy, and does the policy hold no more than it needed?

The local cloud refuses what a role's policies do not allow and keeps a record of what was asked for (GET
/hubsmith/calls).
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from localcloud.iam.policy import JudgedCall, decide
from localcloud.iam.wildcards import matches
from localcloud.server.control import Endpoint

Policy = Mapping[str, Any]


def calls_of(endpoint: Endpoint, role: str) -> list[dict[str, Any]]:
    """What was asked for with this role's credentials, oldest first."""
    found: list[dict[str, Any]] = json.loads(_ask(endpoint, "GET", f"?role={role}"))
    return found


def forget_calls(endpoint: Endpoint) -> None:
    """Begin a new record."""
    _ask(endpoint, "DELETE")


def assert_least_privilege(endpoint: Endpoint, role: str, policy: Policy) -> None:
    """Each call the role made is allowed by this policy, and each action the policy allows was called."""
    calls = [judged(record) for record in calls_of(endpoint, role)]
    assert calls, f"{role} has called nothing"
    refused = [
        f"{call.action} on {decision.resource} {decision.reason}"
        for call in calls
        if not (decision := decide([policy], call)).allowed
    ]
    assert not refused, "\n".join(refused)
    called = {call.action.lower() for call in calls}
    unused = [
        pattern
        for pattern in _actions(policy)
        if not any(matches(pattern.lower(), action) for action in called)
    ]
    assert not unused, f"{role} may do what it never did: {', '.join(unused)}"


def unused(policy: Policy, calls: Iterable[JudgedCall]) -> Iterator[tuple[int, str]]:
    """(number of a statement, action or resource in it) that none of these calls needed, in turn."""
    made = list(calls)
    for number, statement in enumerate(policy["Statement"]):
        actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
        narrowed = [(action, {"Action": action}) for action in actions]
        narrowed += [(resource, {"Resource": resource}) for resource in resources if len(resources) > 1]
        for part, only in narrowed:
            wanted = {"Statement": [{**statement, **only}]}
            if not any(decide([wanted], call).allowed for call in made):
                yield number, part


def judged(record: Mapping[str, Any]) -> JudgedCall:
    """A call as the record has it."""
    of_resource = {resource: _keys(found) for resource, found in record["of_resource"].items()}
    return JudgedCall(record["action"], tuple(record["resources"]), _keys(record["context"]), of_resource)


def _keys(found: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(values) for key, values in found.items()}


def _actions(policy: Policy) -> Iterator[str]:
    for statement in policy["Statement"]:
        if statement["Effect"] == "Allow":
            yield from _listed(statement["Action"])


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _ask(endpoint: Endpoint, method: str, query: str = "") -> bytes:
    request = urllib.request.Request(f"{endpoint.url}/hubsmith/calls{query}", method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return bytes(answer.read())
