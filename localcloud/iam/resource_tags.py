"""The tags of EC2's resources as condition keys: aws:ResourceTag/… and, alike, ec2:ResourceTag/….

After https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/control-access-with-tags.html. Keys know no case, so
two tags whose keys differ in case only are one condition key with two values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from moto.ec2.models import ec2_backends

from localcloud.iam import ec2_calls
from localcloud.iam.patterns import Context
from localcloud.iam.policy import JudgedCall

PREFIXES = ("aws:resourcetag/", "ec2:resourcetag/")


def looked_up(call: JudgedCall, region: str, account: str) -> JudgedCall:
    """The call with the tags its resources have now. The caller holds the lock of the model."""
    known = {resource: found for resource in call.resources if (found := _keys(resource, region, account))}
    return replace(
        call,
        of_resource={
            one: {**call.of_resource.get(one, {}), **known.get(one, {})}
            for one in {*call.of_resource, *known}
        },
    )


def _keys(arn: str, region: str, account: str) -> Context:
    resource_id = ec2_calls.id_of(arn)
    if resource_id is None:
        return {}
    return keys_of(ec2_backends[account][region].tags.get(resource_id, {}).items())


def keys_of(tags: Iterable[tuple[str, str]]) -> Context:
    """Condition keys of tags."""
    found: dict[str, tuple[str, ...]] = {}
    for key, value in tags:
        for prefix in PREFIXES:
            name = f"{prefix}{key.lower()}"
            found[name] = (*found.get(name, ()), value)
    return found
