"""SSM parameters: read one, and make a value that SSM takes.

4 KB in the standard tier, and nothing that looks like a reference to another parameter: ``{{…}}``
(https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from build.aws import tags
from build.aws.errors import code_of
from build.errors import CloudError

if TYPE_CHECKING:
    from build.aws.session import Clients

LIMIT_BYTES = 4096


def value_of(clients: Clients, name: str) -> str | None:
    """What the parameter holds, as SSM returns it (a SecureString encrypted); None when there is none.

    Raises what botocore raises.
    """
    try:
        return clients.ssm.get_parameter(Name=name)["Parameter"]["Value"]
    except ClientError as exc:
        if code_of(exc) != "ParameterNotFound":
            raise
        return None


def put(clients: Clients, name: str, value: str, description: str, new_tags: Mapping[str, str]) -> None:
    """Write a parameter, whatever it held; one that is new gets the tags. Raises what botocore raises."""
    if new_tags:  # SSM takes no tags with Overwrite
        try:
            clients.ssm.put_parameter(
                Name=name,
                Value=value,
                Type="String",
                Description=description,
                Tags=tags.as_list(new_tags),  # type: ignore[arg-type]  # the same dicts
            )
        except ClientError as exc:
            if code_of(exc) != "ParameterAlreadyExists":
                raise
        else:
            return
    clients.ssm.put_parameter(Name=name, Value=value, Type="String", Description=description, Overwrite=True)


def as_value(document: Mapping[str, object], *, shorten: str = "") -> str:
    """The document as JSON that SSM takes; the text of that name is cut where the whole would be too long.

    Raises CloudError when that does not help.
    """
    value = _json(document)
    while len(value.encode()) > LIMIT_BYTES:
        text = document.get(shorten)
        if not isinstance(text, str) or not text:
            size = len(value.encode())
            raise CloudError(f"{size} bytes are too many for an SSM parameter, which takes {LIMIT_BYTES}")
        document = {**document, shorten: text[: len(text) * 9 // 10]}
        value = _json(document)
    return value


def _json(document: Mapping[str, object]) -> str:
    # Only a text can hold two braces in a row: JSON's own have a quote between them. Who reads it gets both.
    return json.dumps(document, ensure_ascii=False).replace("{{", "{\\u007b")
