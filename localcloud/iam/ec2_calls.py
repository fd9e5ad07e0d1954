"""EC2's calls in IAM's words: what they name, what they make, and the tags that it is made with.

After https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html, and for tags in
the call that makes something
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html: they need
ec2:CreateTags too, with ec2:CreateAction saying for the sake of which call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.iam import arns
from localcloud.iam.policy import JudgedCall
from localcloud.iam.wildcards import Context

Parameters = Mapping[str, Any]

# Kinds of EC2's ids, as they are called in ARNs.
_KINDS = {
    "ami": "image",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "i": "instance",
    "key": "key-pair",
    "sg": "security-group",
    "snap": "snapshot",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
}
_ID = re.compile(rf"({'|'.join(_KINDS)})-[0-9a-f]+")
_WITHOUT_ACCOUNT = ("image", "snapshot")
_MADE = {
    "AllocateAddress": ("elastic-ip",),
    "CopyImage": ("image",),
    "CopySnapshot": ("snapshot",),
    "CreateImage": ("image", "snapshot"),
    "CreateKeyPair": ("key-pair",),
    "CreateNetworkInterface": ("network-interface",),
    "CreateSecurityGroup": ("security-group",),
    "CreateSnapshot": ("snapshot",),
    "CreateSnapshots": ("snapshot",),
    "CreateVolume": ("volume",),
    "ImportKeyPair": ("key-pair",),
    "RegisterImage": ("image",),
    "RunInstances": ("instance", "network-interface", "volume"),
}
_NO_IDS = ("Tags", "TagSpecifications")  # an id in a tag is a text like any other


def named(operation: str, parameters: Parameters, place: str) -> list[str]:
    """The ARNs of what the call names by id; EC2 judges Describe on "*"."""
    if operation.startswith("Describe"):
        return []
    asked = {name: value for name, value in parameters.items() if name not in _NO_IDS}
    return [_arn(_KINDS[found[1]], text, place) for text in _texts(asked) if (found := _ID.fullmatch(text))]


def made(operation: str, parameters: Parameters, place: str) -> dict[str, Context]:
    """The ARNs of what the call makes, without ids, and the tags asked for with each, as condition keys."""
    tags = _specified(parameters)
    return {_arn(kind, "*", place): request_keys(tags.get(kind, ())) for kind in _MADE.get(operation, ())}


def tagging(operation: str, parameters: Parameters, place: str) -> JudgedCall | None:
    """The CreateTags that a call with TagSpecifications is beside what it is; None without tags."""
    of_resource = {
        _arn(kind, "*", place): request_keys(tags) for kind, tags in _specified(parameters).items() if tags
    }
    return (
        JudgedCall("ec2:CreateTags", tuple(of_resource), {"ec2:createaction": (operation,)}, of_resource)
        if of_resource
        else None
    )


def request_keys(tags: Iterable[Any]) -> Context:
    """aws:RequestTag/… and aws:TagKeys of [{"Key": …, "Value": …}]."""
    pairs = {str(tag.get("Key")): str(tag.get("Value", "")) for tag in tags if isinstance(tag, Mapping)}
    if not pairs:
        return {}
    return {
        "aws:tagkeys": tuple(pairs),
        **{f"aws:requesttag/{key.lower()}": (value,) for key, value in pairs.items()},
    }


def id_of(arn: str) -> str | None:
    """The id at the end of the ARN of what EC2 has; None for other ARNs and for what is still to be made."""
    kind = _ID.fullmatch(arn.rpartition("/")[2]) if re.match(r"arn:aws[a-z-]*:ec2:", arn) else None
    return kind[0] if kind else None


def _specified(parameters: Parameters) -> dict[str, list[Any]]:
    """TagSpecifications: resource type -> its tags."""
    found: dict[str, list[Any]] = {}
    for one in parameters.get("TagSpecifications") or ():
        found.setdefault(str(one.get("ResourceType")), []).extend(one.get("Tags") or ())
    return found


def _arn(kind: str, name: str, place: str) -> str:
    region = place.partition(":")[0]
    return f"{arns.prefix(place)}:ec2:{region + ':' if kind in _WITHOUT_ACCOUNT else place}:{kind}/{name}"


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
