"""What is known of stacks: plain state, kept by pickling it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import cloudformation_backends
from moto.core.base_backend import BaseBackend

from localcloud.cloudformation.resource_types.resource_type import PhysicalResource
from localcloud.ec2.host import Host
from localcloud.iam import arns

if TYPE_CHECKING:
    from localcloud.cloudformation.change_sets import ChangeSet

DELETED, REVIEW = "DELETE_COMPLETE", "REVIEW_IN_PROGRESS"
_EVENTS = 500  # of each stack, the last ones


@dataclass(frozen=True)
class Caller:
    """With whose credentials resources are made; the local cloud asks for no secret."""

    access_key: str
    token: str | None


@dataclass
class Resource:
    """One resource of a stack; ``properties`` as they were last worked out."""

    logical_id: str
    type: str
    status: str = "CREATE_IN_PROGRESS"
    reason: str = ""
    made: PhysicalResource | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    changed: datetime = field(default_factory=lambda: datetime.now(timezone.utc))


@dataclass(frozen=True)
class Event:
    """One line of a stack's history."""

    id: str
    at: datetime
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str


@dataclass
class Stack:
    """A stack; ``body`` is what it is to be brought to, ``previous`` what a failed update goes back to."""

    id: str
    name: str
    body: str
    caller: Caller
    on_failure: str  # DELETE, ROLLBACK or DO_NOTHING
    tags: dict[str, str]
    capabilities: list[str]
    status: str = "CREATE_IN_PROGRESS"
    reason: str = ""
    previous: str = ""
    created: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    updated: datetime | None = None
    deleted: datetime | None = None
    resources: dict[str, Resource] = field(default_factory=dict)  # in the order in which they were made
    outputs: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    @property
    def is_busy(self) -> bool:
        """Is something being done to it? One under review waits for somebody to execute a change set."""
        return self.status.endswith("_IN_PROGRESS") and self.status != REVIEW

    def become(self, status: str, reason: str = "") -> None:
        """Its own status, as an event too."""
        self.status, self.reason = status, reason
        self._note(self.name, self.id, "AWS::CloudFormation::Stack", status, reason)

    def note(self, resource: Resource, status: str, reason: str = "") -> None:
        """The status of a resource, as an event too."""
        resource.status, resource.reason, resource.changed = status, reason, datetime.now(timezone.utc)
        self._note(
            resource.logical_id, resource.made.id if resource.made else "", resource.type, status, reason
        )

    def _note(self, logical_id: str, physical_id: str, kind: str, status: str, reason: str) -> None:
        self.events.append(
            Event(
                str(uuid.uuid4()), datetime.now(timezone.utc), logical_id, physical_id, kind, status, reason
            )
        )
        del self.events[:-_EVENTS]


class Stacks(BaseBackend):
    """CloudFormation of one account in one region."""

    host: ClassVar[Host]
    url_module: ClassVar[ModuleType]
    """Handed in by install.py: the responses behind these addresses import this module."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.stacks: dict[str, Stack] = {}  # by id; deleted ones stay

    @property
    def _url_module(self) -> ModuleType:
        # As in localcloud/ec2/backend.py: moto would look beside its own models.
        return self.url_module

    def find(self, name_or_id: str) -> Stack | None:
        """By id, also a deleted one; by name one that is there."""
        by_name = (
            stack for stack in self.stacks.values() if stack.name == name_or_id and stack.status != DELETED
        )
        return self.stacks.get(name_or_id) or next(by_name, None)

    def stack(self, name_or_id: str) -> Stack:
        """The same; raises CloudFormation's error for one that is not there."""
        found = self.find(name_or_id)
        if found is None:
            raise ValidationError(message=f"Stack with id {name_or_id} does not exist")
        return found

    @property
    def change_sets(self) -> dict[str, ChangeSet]:
        """By ARN. Made when it is asked for: a state that was kept before there were any has none."""
        found: dict[str, ChangeSet] = self.__dict__.setdefault("_change_sets", {})
        return found

    def add(
        self,
        name: str,
        body: str,
        caller: Caller,
        on_failure: str,
        tags: Mapping[str, str],
        capabilities: list[str],
        status: str = "CREATE_IN_PROGRESS",
    ) -> Stack:
        """A new stack, still to be deployed."""
        place = f"{arns.prefix(self.region_name)}:cloudformation:{self.region_name}:{self.account_id}"
        stack_id = f"{place}:stack/{name}/{uuid.uuid4()}"
        stack = Stack(stack_id, name, body, caller, on_failure, dict(tags), capabilities)
        stack.become(status, "User Initiated")
        self.stacks[stack_id] = stack
        return stack

    def enqueue(self, stack: Stack) -> None:
        """Have it deployed, or deleted, soon."""
        self.host.enqueue("stack", self, stack.id)


def backends() -> list[Stacks]:
    """CloudFormation of every account and region somebody has used."""
    return [found for _, _, found in cloudformation_backends.iter_backends() if isinstance(found, Stacks)]
