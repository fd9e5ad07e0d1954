"""A request -> the call in IAM's words.

Actions, resources and condition keys after the Service Authorization Reference (https://docs.aws.amazon.com/service-authorization/),
for what machines of the local cloud call. An action whose resource is not known here is judged on "*", as are those that have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from build.localcloud.iam.policy import Call

Parameters = Mapping[str, Any]
Keys = dict[str, tuple[str, ...]]

# Kinds of EC2's ids, as they are called in ARNs; images and snapshots have no account there.
_EC2_KINDS = {
    "ami": "image",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "i": "instance",
    "sg": "security-group",
    "snap": "snapshot",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
}
_EC2_ID = re.compile(rf"({'|'.join(_EC2_KINDS)})-[0-9a-f]+")


def call(service: str, operation: str, parameters: Parameters, region: str, account: str) -> Call:
    """The call an operation with these parameters is, without what is known of the caller."""
    place = f"{region}:{account}"
    resources = {"ec2": _ec2, "iam": _iam, "route53": _route53, "ssm": _ssm, "sts": _sts}[service](operation, parameters, place)
    keys: Keys = {**_tag_keys(parameters), **(_record_keys(parameters) if operation == "ChangeResourceRecordSets" else {})}
    return Call(f"{service}:{operation}", tuple(dict.fromkeys(resources)) or ("*",), keys)


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
    # name:version and name:label mean the same parameter.
    return f"arn:aws:ssm:{place}:parameter/{name.partition(':')[0].strip('/')}"


def _route53(operation: str, parameters: Parameters, _: str) -> list[str]:
    found = str(parameters.get("HostedZoneId") or parameters.get("Id") or "").rpartition("/")[2]
    if not found or (operation.startswith("List") and operation != "ListResourceRecordSets"):
        return []
    if operation == "GetChange":
        return [f"arn:aws:route53:::change/{found}"]
    is_zone = "HostedZone" in operation or "ResourceRecordSets" in operation
    return [f"arn:aws:route53:::hostedzone/{found}"] if is_zone else []


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
    """A record's name as Route 53's condition key has it: lower case, no final dot, all but a-z 0-9 - _ . as octal codes."""
    bare = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), name.lower().rstrip("."))
    return re.sub(r"[^a-z0-9\-_.]", lambda found: "".join(f"\\{byte:03o}" for byte in found[0].encode()), bare)


def _ec2(operation: str, parameters: Parameters, place: str) -> list[str]:
    if operation.startswith("Describe"):
        return []
    region = place.partition(":")[0]
    found = []
    for text in _texts(parameters):
        if kind := _EC2_ID.fullmatch(text):
            owner = region + ":" if kind[1] in ("ami", "snap") else place
            found.append(f"arn:aws:ec2:{owner}:{_EC2_KINDS[kind[1]]}/{text}")
    return found


def _iam(_: str, parameters: Parameters, place: str) -> list[str]:
    account = place.partition(":")[2]
    kinds = {"RoleName": "role", "InstanceProfileName": "instance-profile", "UserName": "user", "GroupName": "group"}
    return [f"arn:aws:iam::{account}:{kind}/{parameters[name]}" for name, kind in kinds.items() if parameters.get(name)]


def _sts(_: str, parameters: Parameters, __: str) -> list[str]:
    return [str(parameters["RoleArn"])] if parameters.get("RoleArn") else []


def _tag_keys(parameters: Parameters) -> Keys:
    """aws:RequestTag/… and aws:TagKeys."""
    tags = [*(parameters.get("Tags") or ()), *(tag for one in parameters.get("TagSpecifications") or () for tag in one.get("Tags") or ())]
    pairs = {str(tag.get("Key")): str(tag.get("Value", "")) for tag in tags if isinstance(tag, Mapping)}
    if not pairs:
        return {}
    return {"aws:tagkeys": tuple(pairs), **{f"aws:requesttag/{key.lower()}": (value,) for key, value in pairs.items()}}


def _texts(value: object) -> Iterable[str]:
    """Every text in the parameters, at whatever depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(one)


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
