"""How a type of values gets its rule: a pattern, or a function that complains."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from pydantic import AfterValidator, PlainSerializer

from build.manifest.yaml.frozen import freeze, to_plain

_T = TypeVar("_T")


def matching(pattern: str, says: str) -> AfterValidator:
    """Text that matches the whole of `pattern`, else "should be <says>"."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"should be {says}")
        return value

    return AfterValidator(check)


def checked(rule: Callable[[_T], str | None]) -> AfterValidator:
    """A value `rule` has no complaint about."""

    def check(value: _T) -> _T:
        complaint = rule(value)
        if complaint:
            raise ValueError(complaint)
        return value

    return AfterValidator(check)


Frozen = AfterValidator(freeze)
Thawed = PlainSerializer(to_plain)
