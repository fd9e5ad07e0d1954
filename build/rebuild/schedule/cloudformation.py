"""The stack of the template: deployed, brought up to date, removed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from build.aws import tags
from build.aws.errors import code_of
from build.aws.wait import wait_until
from build.errors import CloudError
from build.report.reporter import Reporter

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient

_TIMEOUT_S = 900
_NOTHING = "No updates are to be performed"


def deploy(
    cloudformation: CloudFormationClient,
    name: str,
    template: str,
    report: Reporter,
    more_tags: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Create or update the stack and wait; return its id.

    CloudFormation puts the stack's tags, ``more_tags`` among them, on what it makes.

    Raises CloudError with CloudFormation's reasons when it fails.
    """
    stack_tags: Any = tags.as_list({**more_tags, "hubsmith:schedule": name})
    if _status(cloudformation, name) is None:
        answer = cloudformation.create_stack(
            StackName=name,
            TemplateBody=template,
            Capabilities=["CAPABILITY_IAM"],
            OnFailure="DELETE",
            Tags=stack_tags,
        )
        stack_id = answer["StackId"]
    else:
        try:
            stack_id = cloudformation.update_stack(
                StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_IAM"], Tags=stack_tags
            )["StackId"]
        except ClientError as exc:
            if _NOTHING not in str(exc):
                raise
            return name
    _wait(cloudformation, stack_id, ("CREATE_COMPLETE", "UPDATE_COMPLETE"), report)
    return stack_id


def remove(cloudformation: CloudFormationClient, name: str, report: Reporter) -> bool:
    """Delete the stack and wait; whether there was one."""
    if _status(cloudformation, name) is None:
        return False
    stack_id = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=name)
    _wait(cloudformation, stack_id, ("DELETE_COMPLETE",), report)
    return True


def _status(cloudformation: CloudFormationClient, stack: str) -> str | None:
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError as exc:
        if code_of(exc) == "ValidationError" and "does not exist" in str(exc):
            return None
        raise


def _wait(
    cloudformation: CloudFormationClient, stack_id: str, wanted: tuple[str, ...], report: Reporter
) -> None:
    seen = wait_until(
        lambda: _status(cloudformation, stack_id) or "DELETE_COMPLETE",
        lambda status: not status.endswith("_IN_PROGRESS"),
        what="the stack",
        timeout_s=_TIMEOUT_S,
        on_wait=report.waiting,
    )
    if seen not in wanted:
        events = cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"]
        failed = [event for event in events if event.get("ResourceStatus", "").endswith("_FAILED")]
        reasons = "\n".join(
            f"  {event.get('LogicalResourceId')}: {event.get('ResourceStatusReason')}" for event in failed
        )
        raise CloudError(f"the stack is {seen}", hint=reasons or "the CloudFormation console has its events")
