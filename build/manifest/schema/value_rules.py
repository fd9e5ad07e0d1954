"""Rules of names, tags and keys, as EC2, IAM and SSM have them: each returns a complaint, or None."""

from __future__ import annotations

import base64
import difflib
import re
from collections import Counter
from collections.abc import Mapping

MAX_TAGS = 50
"""Tags EC2 allows on one resource."""


def unique(values: tuple[str, ...]) -> str | None:
    """Nothing stands in it twice."""
    twice = sorted(value for value, count in Counter(values).items() if count > 1)
    return f"has {twice[0]} more than once" if twice else None


def parameter(value: str) -> str | None:
    """Systems Manager, PutParameter: names of up to 1011 characters, 15 levels, not under aws or ssm."""
    if not re.fullmatch(r"(/[A-Za-z0-9_.-]+)+", value):
        return (
            "should be a parameter name such as /hubsmith/jupyterhub/latest (letters, digits and _.- "
            "between slashes)"
        )
    if re.match(r"/(aws|ssm)", value, re.IGNORECASE):
        return "may not begin with /aws or /ssm, which AWS reserves"
    return (
        "has more than 15 levels or 1011 characters" if value.count("/") > 15 or len(value) > 1011 else None
    )


def parameter_problem(value: str) -> str | None:
    """What Systems Manager would refuse in the name of a parameter to be written, or None."""
    return parameter(value)


def template(value: str) -> str | None:
    """As parameter, once {image} and {channel} are filled in."""
    unknown = [name for name in re.findall(r"\{([^}]*)\}", value) if name not in ("image", "channel")]
    if unknown:
        return f"has {{{unknown[0]}}} in it; only {{image}} and {{channel}} can stand there"
    return parameter(value.replace("{image}", "x").replace("{channel}", "x"))


def ec2_tags(tags: Mapping[str, str]) -> str | None:
    """EC2, CreateTags: 50 tags, keys of 1-128 characters not beginning with aws:, values of up to 256."""
    if len(tags) > MAX_TAGS:
        return f"has {len(tags)} tags; EC2 allows {MAX_TAGS}"
    for key, value in tags.items():
        if re.match(r"(aws|hubsmith):", key, re.IGNORECASE):
            return f"has the tag {key}: the prefixes aws: and hubsmith: are reserved"
        if not 1 <= len(key) <= 128 or len(value) > 256:
            return f"has the tag {key[:40]}: EC2 allows 128 characters for a key, 256 for a value"
    return None


def tags_of_all(tags: Mapping[str, str]) -> str | None:
    """IAM and SSM allow fewer characters than EC2 (IAM, TagRole); Name is what Hubsmith calls a thing."""
    for key, value in tags.items():
        if key == "Name":
            return "has the tag Name, which Hubsmith sets itself"
        if not re.fullmatch(r"[\w .:/=+@-]*", key + value):
            return f"has the tag {key}: IAM allows letters, digits, spaces and _.:/=+-@ in keys and values"
    return ec2_tags(tags)


def email(value: str) -> str | None:
    """An address as RFC 5321 has it without quotes, at a host name with two labels at least."""
    local, at, domain = value.rpartition("@")
    labels = domain.split(".")
    right = (
        at
        and len(value) <= 254
        and re.fullmatch(r"[A-Za-z0-9_+%&=~-]+(\.[A-Za-z0-9_+%&=~-]+)*", local)
        and len(local) <= 64
        and len(labels) > 1
        and all(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", label) for label in labels)
    )
    return None if right else "should be an address such as you@your-university.edu"


def public_key(value: str) -> str | None:
    """The name of the kind stands in the key itself as well (RFC 4253, 6.6), so that a cut one is noticed."""
    kind, _, rest = value.partition(" ")
    try:
        content = base64.b64decode(rest.split(" ")[0], validate=True)
    except ValueError:
        content = b""
    named = content[4 : 4 + int.from_bytes(content[:4], "big")].decode("ascii", "replace")
    whole = re.fullmatch(r"(ssh|ecdsa|sk)-[a-z0-9@.-]+", kind) and kind == named and len(content) > 40
    return None if whole and "\n" not in value else "should be the whole line of an OpenSSH .pub file"


def region(value: str) -> str | None:
    """A region that botocore knows."""
    from build.aws import regions  # botocore takes its time

    known = regions.known()
    if value in known:
        return None
    near = difflib.get_close_matches(value, known, n=1)
    return f"{value} is not an AWS region{f'; did you mean {near[0]!r}?' if near else ''}"
