"""CloudFormation's actions on change sets, and what `aws cloudformation deploy` asks for beside them."""

from __future__ import annotations

import uuid
from typing import Any

from moto.cloudformation.exceptions import AlreadyExistsException, CloudFormationError, ValidationError
from moto.core.responses import ActionResult, EmptyResult

from localcloud.cloudformation.change_sets import EMPTY, ChangeSet, ResourceChange, changes
from localcloud.cloudformation.responses import StackResponse, parsed
from localcloud.cloudformation.stacks import REVIEW, Stack
from localcloud.iam import arns

_KINDS = ("CREATE", "UPDATE")


class ChangeSetNotFound(CloudFormationError):  # as CloudFormation calls it
    """No such change set."""

    code = "ChangeSetNotFound"


class InvalidChangeSetStatus(CloudFormationError):  # as above
    """It cannot be executed (any more)."""

    code = "InvalidChangeSetStatus"


class ChangeSetResponse(StackResponse):
    """Stacks and their change sets."""

    def create_change_set(self) -> ActionResult:
        """CreateChangeSet: known at once whether it changes anything, where CloudFormation takes seconds."""
        kind, name = self._get_param("ChangeSetType") or "UPDATE", str(self._get_param("ChangeSetName"))
        if kind not in _KINDS:
            raise ValidationError(
                message="The local cloud's CloudFormation makes change sets of the types "
                f"{' and '.join(_KINDS)}"
            )
        stack = self.backend.find(str(self._get_param("StackName")))
        body = self._template(
            stack.body
            if stack and self._get_param("UsePreviousTemplate")
            else str(self._get_param("TemplateBody") or "")
        )
        stack = self._made_for(stack, name) if kind == "CREATE" else self._updatable(self._stack())
        if any(found.name == name for found in self._of(stack)):
            raise AlreadyExistsException(f"ChangeSet {name} already exists")
        made = ChangeSet(
            f"{arns.prefix(self.region)}:cloudformation:{self.region}:{self.current_account}:"
            f"changeSet/{name}/{uuid.uuid4()}",
            name,
            stack.id,
            kind,
            body,
            self._caller(),
            self._get_param("Capabilities") or [],
            self._tags(),
            str(self._get_param("Description") or ""),
            changes(stack, parsed(stack.body) if stack.body else None, parsed(body)),
        )
        made.execution = "AVAILABLE" if made.changes else "UNAVAILABLE"
        self.backend.change_sets[made.id] = made
        return ActionResult({"Id": made.id, "StackId": stack.id})

    def describe_change_set(self) -> ActionResult:
        """DescribeChangeSet."""
        found = self._change_set()
        shown = {
            "Changes": [_shown(change) for change in found.changes],
            "Capabilities": found.capabilities,
            "Parameters": [],
        }
        tags = [{"Key": key, "Value": value} for key, value in found.tags.items()]
        return ActionResult({**self._listed(found), **shown, "Tags": tags})

    def list_change_sets(self) -> ActionResult:
        """ListChangeSets."""
        return ActionResult({"Summaries": [self._listed(found) for found in self._of(self._stack())]})

    def delete_change_set(self) -> ActionResult:
        """DeleteChangeSet; its stack stays, as on AWS."""
        self.backend.change_sets.pop(self._change_set().id)
        return EmptyResult()

    def execute_change_set(self) -> ActionResult:
        """ExecuteChangeSet: the stack's other change sets are not valid for what it will be, and go."""
        found = self._change_set()
        if found.execution != "AVAILABLE":
            raise InvalidChangeSetStatus(
                f"ChangeSet [{found.id}] cannot be executed in its current execution status of "
                f"[{found.execution}]"
            )
        stack = self.backend.stack(found.stack_id)
        if found.kind == "UPDATE":
            self._begin_update(self._updatable(stack), found.body)
        else:
            stack.body, stack.tags, stack.capabilities, stack.caller = (
                found.body,
                found.tags,
                found.capabilities,
                self._caller(),
            )
            stack.on_failure = self._get_param("OnStackFailure") or (
                "DO_NOTHING" if self._get_param("DisableRollback") else "ROLLBACK"
            )
            stack.become("CREATE_IN_PROGRESS", "User Initiated")
            self.backend.enqueue(stack)
        found.execution = "EXECUTE_COMPLETE"
        for other in self._of(stack):
            if other is not found:
                del self.backend.change_sets[other.id]
        return EmptyResult()

    def get_template_summary(self) -> ActionResult:
        """GetTemplateSummary: of a template, or of the one a stack has."""
        body = (
            self._stack().body if self._get_param("StackName") else str(self._get_param("TemplateBody") or "")
        )
        template = parsed(body)
        types = sorted({wanted.type for wanted in template.resources.values()})
        summary = {"Parameters": [], "Description": template.description or None, "ResourceTypes": types}
        return ActionResult({**summary, "Capabilities": template.capabilities})

    def _made_for(self, stack: Stack | None, change_set: str) -> Stack:
        """The stack of a CREATE: under review until it is executed."""
        name = str(self._get_param("StackName"))
        if stack is None:
            return self.backend.add(self._name(), "", self._caller(), "ROLLBACK", {}, [], REVIEW)
        if stack.status != REVIEW:
            raise ValidationError(
                message=(
                    f"Stack [{name}] already exists and cannot be created again with the changeSet "
                    f"[{change_set}]."
                )
            )
        return stack

    def _change_set(self) -> ChangeSet:
        """By its ARN, or by its name and its stack's."""
        wanted = str(self._get_param("ChangeSetName"))
        if found := self.backend.change_sets.get(wanted):
            return found
        of_stack = self._of(self._stack()) if self._get_param("StackName") else []
        if named := [found for found in of_stack if found.name == wanted]:
            return named[0]
        raise ChangeSetNotFound(f"ChangeSet [{wanted}] does not exist")

    def _of(self, stack: Stack) -> list[ChangeSet]:
        return [found for found in self.backend.change_sets.values() if found.stack_id == stack.id]

    def _listed(self, found: ChangeSet) -> dict[str, Any]:
        return {
            "ChangeSetId": found.id,
            "ChangeSetName": found.name,
            "StackId": found.stack_id,
            "StackName": self.backend.stack(found.stack_id).name,
            "Description": found.description or None,
            "CreationTime": found.created,
            "Status": found.status,
            "StatusReason": None if found.changes else EMPTY,
            "ExecutionStatus": found.execution,
        }


def _shown(change: ResourceChange) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "Action": change.action,
        "LogicalResourceId": change.logical_id,
        "ResourceType": change.type,
    }
    if change.physical_id:
        resource["PhysicalResourceId"] = change.physical_id
    if change.action == "Modify":
        resource |= {"Replacement": "True" if change.replaced else "False", "Scope": ["Properties"]}
    return {"Type": "Resource", "ResourceChange": resource}
