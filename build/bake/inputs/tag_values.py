"""Long values in the tags of an image: EC2 allows 256 characters in one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

TAG_LIMIT = 256
"""Characters in the value of a tag (EC2 user guide, "Tag restrictions")."""
_NAME_BYTES = _CONTENT_BYTES = 3
_PART = 8  # characters of both in base64


def packed(name: str, digest: str) -> str:
    """Four characters of the name's digest and, if there is one, four of the content's."""
    key = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:_NAME_BYTES]
    return base64.urlsafe_b64encode(key + bytes.fromhex(digest)[:_CONTENT_BYTES]).decode("ascii")


def unpacked(key: str, image_tags: Mapping[str, str]) -> dict[str, str]:
    """The other way round, from the tags ``key``, ``key:2`` and so on: four characters by four characters."""
    text = joined(key, image_tags, "")
    return {text[at : at + 4]: text[at + 4 : at + _PART] for at in range(0, len(text), _PART)}


def spread(key: str, items: list[str], between: str, most: int) -> dict[str, str]:
    """The items over as many tags as it takes; none when that is more than ``most``."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(between) + len(item) <= TAG_LIMIT:
            lines[-1] += between + item
        else:
            lines.append(item)
    if len(lines) > most:
        return {}
    return {key if number == 1 else f"{key}:{number}": line for number, line in enumerate(lines, start=1)}


def joined(key: str, image_tags: Mapping[str, str], between: str) -> str:
    """What was spread over tags."""
    lines = [image_tags[key]] if key in image_tags else []
    number = 2
    while f"{key}:{number}" in image_tags:
        lines.append(image_tags[f"{key}:{number}"])
        number += 1
    return between.join(lines)


def pairs(text: str) -> dict[str, str]:
    """``a=1 b=2`` as a mapping."""
    return dict(pair.rsplit("=", 1) for pair in text.split() if "=" in pair)
