"""A change set: a template for a stack, and what it would change, before anything is changed.

After
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html.
Functions are compared as they stand: what follows from another resource's new name is not foretold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

from localcloud.cloudformation.resource_types import RESOURCE_TYPES
from localcloud.cloudformation.stacks import Caller, Stack
from localcloud.cloudformation.template import Template, Wanted

EMPTY = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)


@dataclass(frozen=True)
class ResourceChange:
    """Of one resource: Add, Modify or Remove; ``replaced`` when it would be made anew."""

    action: str
    logical_id: str
    physical_id: str
    type: str
    replaced: bool = False


@dataclass
class ChangeSet:
    """``kind`` is CREATE or UPDATE. One without changes has failed and cannot be executed."""

    id: str
    name: str
    stack_id: str
    kind: str
    body: str
    caller: Caller
    capabilities: list[str]
    tags: dict[str, str]
    description: str
    changes: list[ResourceChange]
    execution: str = "AVAILABLE"
    created: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    @property
    def status(self) -> str:
        """CREATE_COMPLETE or FAILED."""
        return "CREATE_COMPLETE" if self.changes else "FAILED"


def changes(stack: Stack, before: Template | None, after: Template) -> list[ResourceChange]:
    """What bringing the stack from one template to the other does; None: nothing is there yet."""
    known: Mapping[str, Wanted] = before.resources if before else {}
    return [*_kept_and_new(stack, known, after), *_gone(stack, known, after)]


def _kept_and_new(stack: Stack, known: Mapping[str, Wanted], after: Template) -> Iterator[ResourceChange]:
    for name, wanted in after.resources.items():
        was = known.get(name)
        if was is None:
            yield ResourceChange("Add", name, "", wanted.type)
        elif (was.type, was.properties) != (wanted.type, wanted.properties):
            yield ResourceChange("Modify", name, _made(stack, name), wanted.type, _is_replaced(was, wanted))


def _gone(stack: Stack, known: Mapping[str, Wanted], after: Template) -> Iterator[ResourceChange]:
    yield from (
        ResourceChange("Remove", name, _made(stack, name), was.type)
        for name, was in known.items()
        if name not in after.resources
    )


def _made(stack: Stack, name: str) -> str:
    resource = stack.resources.get(name)
    return resource.made.id if resource and resource.made else ""


def _is_replaced(was: Wanted, wanted: Wanted) -> bool:
    fixed = RESOURCE_TYPES[wanted.type].fixed if wanted.type in RESOURCE_TYPES else ()
    return was.type != wanted.type or any(
        was.properties.get(key) != wanted.properties.get(key) for key in fixed
    )
