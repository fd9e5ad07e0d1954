"""KMS's calls in IAM's words: the key that a call means, and its aliases as a condition key.

After https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html: a call that names an
alias is judged by the key's own ARN, and kms:ResourceAliases has all of the key's aliases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from moto.kms.models import KmsBackend, kms_backends

from localcloud.iam.arns import prefix
from localcloud.iam.policy import JudgedCall

_OF_ALIASES = ("CreateAlias", "DeleteAlias", "UpdateAlias")


def named(operation: str, parameters: Mapping[str, Any], place: str) -> list[str]:
    """The ARNs of the keys and aliases that the call names, an alias as it is written."""
    texts = [parameters.get("KeyId") or parameters.get("TargetKeyId")]
    if operation in _OF_ALIASES:
        texts.append(parameters.get("AliasName"))
    return [_arn(str(text), place) for text in texts if text]


def looked_up(call: JudgedCall, region: str, account: str) -> JudgedCall:
    """The call with the key that an alias means, and the key's aliases. The caller holds the lock."""
    action = call.action.partition(":")[2]
    if not call.action.startswith("kms:") or action in _OF_ALIASES:
        return call
    backend: KmsBackend = kms_backends[account][region]
    keys = {resource: _key(backend, resource) for resource in call.resources}
    arns = {resource: key.arn if key else resource for resource, key in keys.items()}
    of_resource = {
        key.arn: {"kms:resourcealiases": tuple(sorted(key.aliases))}
        for key in keys.values()
        if key and key.aliases
    }
    return replace(
        call,
        resources=tuple(dict.fromkeys(arns[resource] for resource in call.resources)),
        of_resource={**call.of_resource, **of_resource},
    )


def _key(backend: KmsBackend, arn: str) -> Any:  # noqa: ANN401  # moto's Key, which is not typed
    name = arn.rpartition(":")[2]
    for key in backend.keys.values():
        if name in (f"key/{key.id}", *key.aliases):
            return key
    return None


def _arn(text: str, place: str) -> str:
    if text.startswith("arn:"):
        return text
    return f"{prefix(place)}:kms:{place}:{text if text.startswith('alias/') else f'key/{text}'}"
