"""CloudFormation's actions on stacks; stack sets are refused, change sets are another module's."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from moto.cloudformation.exceptions import AlreadyExistsException, CloudFormationError, ValidationError
from moto.cloudformation.models import cloudformation_backends
from moto.core.responses import ActionResult, BaseResponse, EmptyResult

from localcloud.cloudformation.stacks import DELETED, Caller, Resource, Stack, Stacks
from localcloud.cloudformation.template import LIMIT_BYTES, Template, TemplateError, parse

_UNKNOWN = (
    "ClientRequestToken",
    "NotificationARNs",
    "Parameters",
    "RoleARN",
    "RollbackConfiguration",
    "StackPolicyBody",
    "TemplateURL",
)
_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")
_CREDENTIAL = re.compile(r"Credential=([^/]+)/")
_UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


class InsufficientCapabilities(CloudFormationError):  # as CloudFormation calls it
    """The template makes roles, and the caller did not say that it knows."""

    code = "InsufficientCapabilitiesException"


class StackResponse(BaseResponse):
    """Parameters as botocore's description of the calls has them."""

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    @property
    def backend(self) -> Stacks:
        """The stacks of the caller's account and region."""
        found: Any = cloudformation_backends[self.current_account][self.region]
        assert isinstance(found, Stacks)
        return found

    def create_stack(self) -> ActionResult:
        """CreateStack."""
        name = self._name()
        if self.backend.find(name):
            raise AlreadyExistsException(f"Stack [{name}] already exists")
        body = self._template(str(self._get_param("TemplateBody") or ""))
        on_failure = self._get_param("OnFailure") or (
            "DO_NOTHING" if self._get_param("DisableRollback") else "ROLLBACK"
        )
        stack = self.backend.add(
            name, body, self._caller(), on_failure, self._tags(), self._get_param("Capabilities") or []
        )
        self.backend.wake(stack)
        return ActionResult({"StackId": stack.id})

    def update_stack(self) -> ActionResult:
        """UpdateStack."""
        stack = self._stack()
        body = self._template(
            stack.body
            if self._get_param("UsePreviousTemplate")
            else str(self._get_param("TemplateBody") or "")
        )
        if parsed(body) == parsed(self._updatable(stack).body):
            raise ValidationError(message="No updates are to be performed.")
        self._begin_update(stack, body)
        return ActionResult({"StackId": stack.id})

    def delete_stack(self) -> ActionResult:
        """DeleteStack; nothing for one that is not there."""
        stack = self.backend.find(str(self._get_param("StackName")))
        if stack is not None and stack.status not in (DELETED, "DELETE_IN_PROGRESS"):
            stack.caller, stack.deleted = self._caller(), datetime.now(timezone.utc)
            stack.become("DELETE_IN_PROGRESS", "User Initiated")
            self.backend.wake(stack)
        return EmptyResult()

    def describe_stacks(self) -> ActionResult:
        """DescribeStacks: one, or all that are there."""
        chosen = (
            [self._stack()]
            if self._get_param("StackName")
            else [one for one in self.backend.stacks.values() if one.status != DELETED]
        )
        return ActionResult({"Stacks": [_described(stack) for stack in chosen]})

    def list_stacks(self) -> ActionResult:
        """ListStacks, deleted ones too."""
        wanted = self._get_param("StackStatusFilter") or ()
        chosen = [stack for stack in self.backend.stacks.values() if not wanted or stack.status in wanted]
        return ActionResult({"StackSummaries": [_described(stack) for stack in chosen]})

    def describe_stack_events(self) -> ActionResult:
        """DescribeStackEvents, the newest first."""
        stack = self._stack()
        events = [
            {
                "StackId": stack.id,
                "StackName": stack.name,
                "EventId": event.id,
                "Timestamp": event.at,
                "LogicalResourceId": event.logical_id,
                "PhysicalResourceId": event.physical_id,
                "ResourceType": event.type,
                "ResourceStatus": event.status,
                "ResourceStatusReason": event.reason or None,
            }
            for event in reversed(stack.events)
        ]
        return ActionResult({"StackEvents": events})

    def describe_stack_resources(self) -> ActionResult:
        """DescribeStackResources."""
        stack, wanted = self._stack(), self._get_param("LogicalResourceId")
        chosen = [one for one in stack.resources.values() if not wanted or one.logical_id == wanted]
        of_stack = {"StackId": stack.id, "StackName": stack.name}
        return ActionResult(
            {"StackResources": [{**of_stack, **_listed(one), "Timestamp": one.changed} for one in chosen]}
        )

    def list_stack_resources(self) -> ActionResult:
        """ListStackResources."""
        found = [
            {**_listed(one), "LastUpdatedTimestamp": one.changed} for one in self._stack().resources.values()
        ]
        return ActionResult({"StackResourceSummaries": found})

    def get_template(self) -> ActionResult:
        """GetTemplate."""
        return ActionResult({"TemplateBody": self._stack().body})

    def _stack(self) -> Stack:
        return self.backend.stack(str(self._get_param("StackName")))

    def _updatable(self, stack: Stack) -> Stack:
        if stack.status not in _UPDATABLE:
            raise ValidationError(
                message=f"Stack:{stack.id} is in {stack.status} state and can not be updated."
            )
        return stack

    def _begin_update(self, stack: Stack, body: str) -> None:
        stack.previous, stack.body, stack.caller = stack.body, body, self._caller()
        stack.updated = datetime.now(timezone.utc)
        stack.become("UPDATE_IN_PROGRESS", "User Initiated")
        self.backend.wake(stack)

    def _name(self) -> str:
        """The name of a stack that is to be made."""
        name = str(self._get_param("StackName"))
        if not _NAME.fullmatch(name):
            raise ValidationError(
                message=f"{name} is no name of a stack: letters, digits and dashes, a letter first"
            )
        return name

    def _tags(self) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self._get_param("Tags") or ()}

    def _caller(self) -> Caller:
        found = _CREDENTIAL.search(self.headers.get("Authorization", ""))
        return Caller(found[1] if found else "test", self.headers.get("X-Amz-Security-Token"))

    def _template(self, body: str) -> str:
        """The template of the call, if it can be deployed here."""
        if unknown := [name for name in _UNKNOWN if self._get_param(name)]:
            raise ValidationError(
                message=f"The local cloud's CloudFormation does not know {', '.join(unknown)}"
            )
        if len(body.encode()) > LIMIT_BYTES:
            raise ValidationError(
                message=f"Member must have length less than or equal to {LIMIT_BYTES}: templateBody"
            )
        missing = set(parsed(body).capabilities) - {
            *(self._get_param("Capabilities") or ()),
            *self._implied(),
        }
        if missing:
            raise InsufficientCapabilities(f"Requires capabilities : [{', '.join(sorted(missing))}]")
        return body

    def _implied(self) -> list[str]:
        return ["CAPABILITY_IAM"] if "CAPABILITY_NAMED_IAM" in (self._get_param("Capabilities") or ()) else []


def parsed(body: str) -> Template:
    """The template of a call. Raises CloudFormation's error for one that cannot be deployed here."""
    try:
        return parse(body)
    except TemplateError as problem:
        raise ValidationError(message=str(problem)) from problem


def _described(stack: Stack) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "Description": (parsed(stack.body).description if stack.body else "") or None,
        "CreationTime": stack.created,
        "LastUpdatedTime": stack.updated,
        "DeletionTime": stack.deleted,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason or None,
        "Capabilities": stack.capabilities,
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in stack.outputs.items()],
        "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
    }


def _listed(resource: Resource) -> dict[str, Any]:
    return {
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.made.id if resource.made else None,
        "ResourceType": resource.type,
        "ResourceStatus": resource.status,
        "ResourceStatusReason": resource.reason or None,
    }
