"""What else a caller must be allowed for a call: to tag what it makes, and to pass the roles that it names.

After the "Dependent actions" of the Service Authorization Reference
(https://docs.aws.amazon.com/service-authorization/); of EC2's tags ec2_calls.py, and of PassRole
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html: whoever gives a role to an
instance, a project, a rule, a schedule or a stack, or puts it into an instance profile
(AddRoleToInstanceProfile), needs iam:PassRole for it, with iam:PassedToService.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from moto.iam.models import IAMBackend, iam_backends

from localcloud.iam import arns, ec2_calls
from localcloud.iam.policy import JudgedCall

Parameters = Mapping[str, Any]

# CodeBuild is not among them: its projects are tagged by CreateProject alone.
_TAGGING = {
    "cloudformation:CreateChangeSet": "TagResource",
    "cloudformation:CreateStack": "TagResource",
    "cloudformation:UpdateStack": "TagResource",
    "events:PutRule": "TagResource",
    "iam:CreateInstanceProfile": "TagInstanceProfile",
    "iam:CreatePolicy": "TagPolicy",
    "iam:CreateRole": "TagRole",
    "iam:CreateUser": "TagUser",
    "kms:CreateKey": "TagResource",
    "logs:CreateLogGroup": "TagResource",
    "sns:CreateTopic": "TagResource",
    "ssm:PutParameter": "AddTagsToResource",
}
_GIVE_A_PROFILE = ("AssociateIamInstanceProfile", "ReplaceIamInstanceProfileAssociation", "RunInstances")
_GIVE_A_ROLE = {
    "cloudformation:CreateChangeSet": ("RoleARN",),
    "cloudformation:CreateStack": ("RoleARN",),
    "cloudformation:DeleteStack": ("RoleARN",),
    "cloudformation:UpdateStack": ("RoleARN",),
    "codebuild:CreateProject": ("serviceRole",),
    "codebuild:UpdateProject": ("serviceRole",),
    "events:PutTargets": ("Targets", "RoleArn"),
    "scheduler:CreateSchedule": ("Target", "RoleArn"),
    "scheduler:UpdateSchedule": ("Target", "RoleArn"),
}


def tagging(service: str, operation: str, parameters: Parameters, call: JudgedCall) -> JudgedCall | None:
    """The tagging that a call which makes something with tags is besides; None without tags."""
    action = _TAGGING.get(f"{service}:{operation}")
    found = tags(parameters)
    if action is None or not found:
        return None
    return JudgedCall(f"{service}:{action}", call.resources, ec2_calls.request_keys(found))


def passed(
    service: str, operation: str, parameters: Parameters, region: str, account: str
) -> list[JudgedCall]:
    """The PassRole that a call is besides. The caller holds the lock of the model."""
    backend = iam_backends[account][arns.partition(region)]
    return [
        JudgedCall("iam:PassRole", (arn,), {"iam:passedtoservice": (_receiver(service, region),)})
        for arn in dict.fromkeys(_roles(service, operation, parameters, backend))
    ]


def tags(parameters: Parameters) -> list[dict[str, str]]:
    """The tags of a request, as [{"Key": …, "Value": …}]: services write them in three ways."""
    found = parameters.get("Tags") or parameters.get("tags") or ()
    if isinstance(found, Mapping):
        return [{"Key": str(key), "Value": str(value)} for key, value in found.items()]
    pairs = [{name.capitalize(): value for name, value in tag.items()} for tag in found]
    return [{"Key": str(pair.get("Key")), "Value": str(pair.get("Value", ""))} for pair in pairs]


def _receiver(service: str, region: str) -> str:
    """Which service gets the role: a role in an instance profile is EC2's."""
    return arns.passed_to_ec2(region) if service in ("ec2", "iam") else f"{service}.amazonaws.com"


def _roles(service: str, operation: str, parameters: Parameters, backend: IAMBackend) -> Iterable[str]:
    if service == "iam" and operation == "AddRoleToInstanceProfile":
        return [role.arn for role in backend.get_roles() if role.name == parameters.get("RoleName")]
    if service == "ec2" and operation in _GIVE_A_PROFILE:
        wanted = (parameters.get("IamInstanceProfile") or {}).values()
        profiles = [one for one in backend.get_instance_profiles() if {one.name, one.arn} & set(wanted)]
        return [role.arn for one in profiles for role in one.roles]
    return _at(parameters, _GIVE_A_ROLE.get(f"{service}:{operation}", ()))


def _at(value: Any, path: tuple[str, ...]) -> list[str]:  # noqa: ANN401  # a request's parameter, of any shape
    """The texts at a path of names; lists on the way are walked through."""
    if isinstance(value, (list, tuple)):
        return [text for one in value for text in _at(one, path)]
    if path and isinstance(value, Mapping):
        return _at(value.get(path[0]), path[1:])
    return [value] if isinstance(value, str) and not path else []
