"""Wildcards and policy variables: what * and ? and ${aws:userid} in a policy's texts stand for.

After https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Context = Mapping[str, tuple[str, ...]]  # condition key in lower case -> values

_NOTHING: Context = {}
_VARIABLE = re.compile(r"\$\{(?P<key>[^},]+?)\s*(?:,\s*'(?P<default>[^']*)')?\}")
_NEVER = "\0"  # what a variable without a value is: no text of a request holds it


def matches(pattern: str, text: str, context: Context = _NOTHING) -> bool:
    """Does the text match a pattern with *, ? and variables? ${*} is an asterisk that stands for itself."""
    place, parts = 0, []
    for found in re.finditer(rf"{_VARIABLE.pattern}|[*?]", pattern):
        parts.append(re.escape(pattern[place : found.start()]))
        parts.append({"*": ".*", "?": "."}.get(found[0]) or re.escape(_value(found, context)))
        place = found.end()
    parts.append(re.escape(pattern[place:]))
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def filled_in(text: str, context: Context) -> str:
    """The text with its variables replaced."""
    return _VARIABLE.sub(lambda found: _value(found, context), text)


def _value(found: re.Match[str], context: Context) -> str:
    key, default = found["key"], found["default"]
    if key in ("*", "?", "$"):
        return str(key)
    known = context.get(key.lower(), ())
    if len(known) == 1:
        return known[0]
    return _NEVER if default is None else str(default)
