"""What a type of resource has to be able to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.exceptions import ClientError

Client = Any
"""A service's, as botocore makes it."""
Clients = Callable[[str], Client]
"""Service -> a client of it, with the credentials of whoever asked for the stack."""
Value = Any
"""Of a property: whatever YAML can hold."""
Properties = Mapping[str, Value]


@dataclass(frozen=True)
class Made:
    """A resource's physical id, what Ref stands for, and the attributes Fn::GetAtt finds."""

    id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class Kind(Protocol):
    """One type of resource. Its methods raise botocore's exceptions."""

    known: frozenset[str]  # properties; any other is refused
    fixed: frozenset[str]  # those of them that cannot be changed: the resource is made anew

    def make(self, clients: Clients, name: str, properties: Properties) -> Made:
        """The one call that makes it; ``name`` is for those that the template gives none."""

    def fill(self, clients: Clients, made: Made, properties: Properties, before: Properties | None) -> None:
        """What the first call could not say; after it, or to update a resource (``before``: what it had)."""

    def delete(self, clients: Clients, made: Made) -> None:
        """Remove it. ClientError when there is none."""


def is_gone(problem: ClientError) -> bool:
    """Does an error say that there is no such thing?"""
    code = problem.response.get("Error", {}).get("Code", "")
    return "NotFound" in code or code == "NoSuchEntity"
