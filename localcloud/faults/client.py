"""The faults of a running cloud, from another process."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from build.errors import MachineError, UserError

TIMEOUT_S = 30


def listed(endpoint_url: str) -> dict[str, Any]:
    """{"faults": […], "frozen": […]}."""
    return _ask(endpoint_url, "GET", "faults")


def add(endpoint_url: str, faults: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Set these; raises UserError for what makes no sense."""
    return _ask(endpoint_url, "POST", "faults", list(faults))


def add_profile(endpoint_url: str, name: str) -> dict[str, Any]:
    """Set those of a profile."""
    return _ask(endpoint_url, "POST", "faults", {"profile": name})


def clear(endpoint_url: str, number: str = "") -> dict[str, Any]:
    """Clear one, or all."""
    return _ask(endpoint_url, "DELETE", f"faults/{number}".rstrip("/"))


def machine(endpoint_url: str, instance_id: str, act: str) -> dict[str, Any]:
    """Let a machine "freeze", "thaw" or be killed ("kill")."""
    return _ask(endpoint_url, "POST", f"machines/{instance_id}", {"do": act})


def expire(endpoint_url: str, which: str) -> list[str]:
    """End sessions: of a role, of an access key, or "all"; their ARNs."""
    found: list[str] = _ask(endpoint_url, "POST", "sessions", {"expire": which})["expired"]
    return found


def _ask(endpoint_url: str, method: str, path: str, document: object = None) -> dict[str, Any]:
    body = None if document is None else json.dumps(document).encode()
    url, headers = f"{endpoint_url}/hubsmith/{path}", {"Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310  # our own URL
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310  # as above
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as refused:
        said = json.load(refused)
        kind = UserError if refused.code == 400 else MachineError
        raise kind(said["error"], hint=said["hint"]) from None
    except OSError as problem:
        raise MachineError(
            f"the local cloud does not answer: {problem}", hint="`invoke cloud.up` starts it"
        ) from None
