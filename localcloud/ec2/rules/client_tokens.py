"""Client tokens: a request that comes again gets the first one's answer, and nothing more is done.

https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html: the same token with the same
parameters succeeds without any further action; with others the request is refused. Tokens belong to a region,
and to an availability zone where the request names one.

boto3 and the AWS CLI send a token of their own with each call whose parameter botocore's model marks as an
idempotency token: a client whose answer was lost asks again with the same one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from moto.core.utils import utcnow

from localcloud.ec2 import errors
from localcloud.ec2.backend import Answer, LocalBackend
from localcloud.ec2.errors import Ec2Error

PARAMETER = "ClientToken"
KEPT_FOR = timedelta(hours=48)
"""AWS does not document for how long a token is known."""

_LIMIT = 64
_LIMIT_OF_TEMPLATES = 128
_ENDED = ("shutting-down", "terminated")
_IGNORED = (PARAMETER, "DryRun")


def repeated(backend: LocalBackend, action: str, asked: Mapping[str, Any]) -> str | None:
    """The answer that this request got before; None if it is new.

    Raises EC2's error for a token that came with other parameters, is malformed, or has launched instances
    that are terminated.
    """
    token = str(asked[PARAMETER])
    _check(action, token)
    known = backend.answers.get(_key(backend, action, asked))
    if known is None:
        return None
    if known.digest != _digest(asked):
        raise errors.other_parameters()
    if action == "RunInstances":
        _check_instances(backend, known)
    return known.body


def remember(backend: LocalBackend, action: str, asked: Mapping[str, Any], body: str) -> None:
    """Keep the answer to a request that has succeeded; those of days ago go."""
    now = utcnow()
    for key in [key for key, known in backend.answers.items() if now - known.since > KEPT_FOR]:
        del backend.answers[key]
    backend.answers[_key(backend, action, asked)] = Answer(_digest(asked), now, body)


def _check(action: str, token: str) -> None:
    limit = _LIMIT_OF_TEMPLATES if "LaunchTemplate" in action else _LIMIT
    if len(token) > limit or not token.isascii():
        raise errors.invalid_value(token, "clientToken", f"It must have at most {limit} ASCII characters.")


def _check_instances(backend: LocalBackend, answer: Answer) -> None:
    """EC2 API reference, "Error codes": IdempotentInstanceTerminated. An instance is forgotten after a while,
    its token is not.
    """
    launched = [found for found in backend.local_instances() if found.id in answer.body]
    if all(found.state in _ENDED for found in launched):
        raise Ec2Error(
            "IdempotentInstanceTerminated",
            "The client token that you provided was used for an instance that has been terminated.",
        )


def _key(backend: LocalBackend, action: str, asked: Mapping[str, Any]) -> tuple[str, str, str]:
    return action, str(asked[PARAMETER]), _zone(backend, action, asked)


def _zone(backend: LocalBackend, action: str, asked: Mapping[str, Any]) -> str:
    """The zone that the request names, if it does; a launch names one by its subnet as well."""
    if action != "RunInstances":
        return str(asked.get("AvailabilityZone") or "")
    interfaces = asked.get("NetworkInterfaces") or [{}]
    subnet_id = asked.get("SubnetId") or interfaces[0].get("SubnetId")
    if subnet_id:
        return str(backend.get_subnet(subnet_id).availability_zone)
    return str((asked.get("Placement") or {}).get("AvailabilityZone") or "")


def _digest(asked: Mapping[str, Any]) -> str:
    compared = {name: value for name, value in asked.items() if name not in _IGNORED}
    return hashlib.sha256(json.dumps(compared, sort_keys=True, default=str).encode()).hexdigest()
