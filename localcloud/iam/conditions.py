"""The Condition of a statement.

After https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html,
and for sets of values reference_policies_condition-single-vs-multi-valued-context-keys.html.
"""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from localcloud.iam.wildcards import Context, filled_in, matches

Test = Callable[[str, str, Context], bool]  # the value in the policy, the value in the request


class UnknownOperatorError(ValueError):
    """A condition nobody here can judge; a policy that has one allows nothing."""


def holds(condition: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Are all its operators and keys satisfied by this request? Raises UnknownOperatorError."""
    return all(
        _holds(name, key, _values(wanted), context.get(key.lower(), ()), context)
        for name, keys in condition.items()
        for key, wanted in keys.items()
    )


def _holds(name: str, key: str, wanted: list[str], given: tuple[str, ...], context: Context) -> bool:
    quantifier, _, rest = name.rpartition(":")
    base = rest.removesuffix("IfExists")
    if base == "Null":
        return all((value.lower() == "true") == (not given) for value in wanted)
    test, negated = _test(base)

    def meets(value: str) -> bool:
        return any(test(one, value, context) for one in wanted) != negated

    if quantifier == "ForAllValues":
        return all(meets(value) for value in given)
    if quantifier == "ForAnyValue":
        return any(meets(value) for value in given)
    if quantifier:
        raise UnknownOperatorError(f"{name} of {key}")
    if not given:
        return negated or rest != base
    # Several values where the operator takes one: EC2 would not say which, so none will do.
    return len(given) == 1 and meets(given[0])


def _values(wanted: object) -> list[str]:
    values = wanted if isinstance(wanted, list) else [wanted]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in values]


def _test(base: str) -> tuple[Test, bool]:
    """How a policy's value is compared with a request's, and whether the outcome is turned round."""
    if base in _TESTS:
        return _TESTS[base], False
    positive = base.replace("Not", "", 1)
    if base != positive and positive in _NEGATABLE:
        return _TESTS[positive], True
    raise UnknownOperatorError(base)


def _converted(convert: Callable[[str], Any], compare: Callable[[Any, Any], bool]) -> Test:
    """Compare request with policy after conversion; what cannot be converted does not match."""

    def test(wanted: str, given: str, context: Context) -> bool:
        try:
            return compare(convert(given), convert(filled_in(wanted, context)))
        except ValueError:
            return False

    return test


def _moment(text: str) -> datetime:
    """ISO 8601, or seconds since 1970."""
    if text.replace(".", "", 1).isdigit():
        return datetime.fromtimestamp(float(text), timezone.utc)
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _in_network(wanted: str, given: str, _: Context) -> bool:
    try:
        return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


_COMPARISONS = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}
_TESTS: dict[str, Test] = {
    "StringEquals": _converted(str, operator.eq),
    "StringEqualsIgnoreCase": _converted(str.lower, operator.eq),
    "StringLike": matches,
    "ArnEquals": matches,
    "ArnLike": matches,
    "Bool": _converted(str.lower, operator.eq),
    "IpAddress": _in_network,
    **{f"Numeric{name}": _converted(float, compare) for name, compare in _COMPARISONS.items()},
    **{f"Date{name}": _converted(_moment, compare) for name, compare in _COMPARISONS.items()},
}
_NEGATABLE = {
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "ArnEquals",
    "ArnLike",
    "IpAddress",
    "NumericEquals",
    "DateEquals",
}
