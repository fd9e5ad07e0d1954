"""What SSM takes as the value of a parameter.

4 KB in the standard tier, and nothing that looks like a reference to another parameter: ``{{…}}``
(https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from build.errors import CloudError

LIMIT_BYTES = 4096


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
