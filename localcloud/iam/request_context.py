"""A request -> the request context that policies are evaluated against: action, resources, condition keys.

Actions, resources and condition keys after the Service Authorization Reference
(https://docs.aws.amazon.com/service-authorization/), for what machines of the local cloud call (EC2's:
ec2_calls.py). An action whose resource is not known here is judged on "*", as are those that have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.iam import arns, assume_role, ec2_calls, iam_calls, implied_calls, kms_calls, s3_calls
from localcloud.iam.policy import JudgedCall

Parameters = Mapping[str, Any]
Keys = dict[str, tuple[str, ...]]


def call(service: str, operation: str, parameters: Parameters, region: str, account: str) -> JudgedCall:
    """The call an operation with these parameters is, without the caller and the resources' tags."""
    place = f"{region}:{account}"
    if service == "ec2":
        return _ec2(operation, parameters, place)
    known = _RESOURCES.get(service, _any)
    keys: Keys = {
        **ec2_calls.request_keys(implied_calls.tags(parameters)),
        **(_record_keys(parameters) if operation == "ChangeResourceRecordSets" else {}),
        **(iam_calls.keys(operation, parameters) if service == "iam" else {}),
        **(assume_role.keys(parameters) if operation == "AssumeRole" else {}),
    }
    action = s3_calls.action(operation) if service == "s3" else operation
    return JudgedCall(
        f"{service}:{action}", tuple(dict.fromkeys(known(operation, parameters, place))) or ("*",), keys
    )


def implied(
    service: str, operation: str, parameters: Parameters, region: str, account: str
) -> JudgedCall | None:
    """What else the caller must be allowed for it: EC2's CreateTags where something is made with tags."""
    return ec2_calls.tagging(operation, parameters, f"{region}:{account}") if service == "ec2" else None


def _ssm(operation: str, parameters: Parameters, place: str) -> list[str]:
    if operation == "DescribeParameters":
        return []
    names = [parameters.get("Name"), *parameters.get("Names", ()), parameters.get("Path")]
    if parameters.get("ResourceType") == "Parameter":
        names.append(parameters.get("ResourceId"))
    return [_parameter(str(name), place) for name in names if name]


def _parameter(name: str, place: str) -> str:
    if name.startswith("arn:"):
        return name
    # name:version and name:label mean the same parameter; those below /aws are AWS's own, of no account.
    bare = name.partition(":")[0].strip("/")
    owner = f"{place.partition(':')[0]}:" if bare.startswith("aws/") else place
    return f"{arns.prefix(place)}:ssm:{owner}:parameter/{bare}"


def _route53(operation: str, parameters: Parameters, place: str) -> list[str]:
    found = str(parameters.get("HostedZoneId") or parameters.get("Id") or "").rpartition("/")[2]
    if not found or (operation.startswith("List") and operation != "ListResourceRecordSets"):
        return []
    if operation == "GetChange":
        return [f"{arns.prefix(place)}:route53:::change/{found}"]
    is_zone = "HostedZone" in operation or "ResourceRecordSets" in operation
    return [f"{arns.prefix(place)}:route53:::hostedzone/{found}"] if is_zone else []


def _record_keys(parameters: Parameters) -> Keys:
    changes = (parameters.get("ChangeBatch") or {}).get("Changes") or []
    sets = [change.get("ResourceRecordSet") or {} for change in changes]
    prefix = "route53:changeresourcerecordsets"
    return {
        f"{prefix}normalizedrecordnames": _unique(normalized(str(one.get("Name", ""))) for one in sets),
        f"{prefix}recordtypes": _unique(str(one.get("Type", "")) for one in sets),
        f"{prefix}actions": _unique(str(change.get("Action", "")) for change in changes),
    }


def normalized(name: str) -> str:
    """A record's name in Route 53's condition key: lower case, no final dot, all but a-z0-9-_. in octal."""
    bare = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), name.lower().rstrip("."))
    return re.sub(
        r"[^a-z0-9\-_.]", lambda found: "".join(f"\\{byte:03o}" for byte in found[0].encode()), bare
    )


def _ec2(operation: str, parameters: Parameters, place: str) -> JudgedCall:
    named, made = ec2_calls.named(operation, parameters, place), ec2_calls.made(operation, parameters, place)
    of_named = ec2_calls.request_keys(parameters.get("Tags") or ())  # CreateTags, DeleteTags
    return JudgedCall(f"ec2:{operation}", tuple(dict.fromkeys([*named, *made])) or ("*",), of_named, made)


def _sts(_: str, parameters: Parameters, __: str) -> list[str]:
    return [str(parameters["RoleArn"])] if parameters.get("RoleArn") else []


def _codebuild(_: str, parameters: Parameters, place: str) -> list[str]:
    name = parameters.get("projectName") or parameters.get("name")
    return [f"{arns.prefix(place)}:codebuild:{place}:project/{name}"] if name else []


def _logs(_: str, parameters: Parameters, place: str) -> list[str]:
    group, stream = parameters.get("logGroupName"), parameters.get("logStreamName", "")
    return [f"{arns.prefix(place)}:logs:{place}:log-group:{group}:log-stream:{stream}"] if group else []


def _cloudformation(_: str, parameters: Parameters, place: str) -> list[str]:
    name = str(parameters.get("StackName") or "")
    return (
        [name if name.startswith("arn:") else f"{arns.prefix(place)}:cloudformation:{place}:stack/{name}/*"]
        if name
        else []
    )


def _events(_: str, parameters: Parameters, place: str) -> list[str]:
    name = parameters.get("Rule") or parameters.get("Name")
    return [f"{arns.prefix(place)}:events:{place}:rule/{name}"] if name else []


def _scheduler(_: str, parameters: Parameters, place: str) -> list[str]:
    name, group = parameters.get("Name"), parameters.get("GroupName") or "default"
    return [f"{arns.prefix(place)}:scheduler:{place}:schedule/{group}/{name}"] if name else []


def _sns(operation: str, parameters: Parameters, place: str) -> list[str]:
    if operation == "CreateTopic":
        return [f"{arns.prefix(place)}:sns:{place}:{parameters.get('Name')}"]
    return [] if operation == "Unsubscribe" else _any(operation, parameters, place)


def _any(_: str, parameters: Parameters, __: str) -> list[str]:
    """Of a service whose resources are not known here: the ARNs that the call itself holds."""
    return [value for value in parameters.values() if isinstance(value, str) and value.startswith("arn:")]


_RESOURCES = {
    "cloudformation": _cloudformation, "codebuild": _codebuild, "events": _events, "iam": iam_calls.named,
    "kms": kms_calls.named, "logs": _logs, "route53": _route53, "s3": s3_calls.named,
    "scheduler": _scheduler, "sns": _sns, "ssm": _ssm, "sts": _sts,
}  # fmt: skip


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
