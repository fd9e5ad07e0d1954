"""IAM's evaluation, as its manual tells it and as properties."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.iam.policy import JudgedCall, decide
from localcloud.iam.resource_tags import keys_of
from localcloud.iam.wildcards import matches

NAMES = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
ZONE = "arn:aws:route53:::hostedzone/Z1"


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def is_allowed(statement: dict[str, Any], call: JudgedCall) -> bool:
    return decide([policy(statement)], call).allowed


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        (allow("ssm:GetParameter"), True),
        (allow("SSM:getparameter"), True),
        (allow("ssm:Get*"), True),
        (allow("ssm:GetParamete?"), True),
        (allow("*"), True),
        (allow(["ssm:PutParameter", "ssm:GetParameter"]), True),
        (allow("ssm:GetParameters"), False),
        (allow("ssm:"), False),
        (allow("ec2:GetParameter"), False),
        (allow("ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/hub/a"), True),
        (allow("ssm:GetParameter", "arn:aws:ssm:*:*:parameter/hub/*"), True),
        (allow("ssm:GetParameter", ["arn:x", "arn:aws:ssm:us-east-1:123456789012:parameter/h?b/a"]), True),
        (allow("ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/hub"), False),
        (allow("ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/HUB/a"), False),
        ({"Effect": "Allow", "NotAction": "ssm:PutParameter", "Resource": "*"}, True),
        ({"Effect": "Allow", "NotAction": "ssm:*", "Resource": "*"}, False),
        ({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:ssm:*:*:parameter/other"}, True),
        ({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:ssm:*:*:parameter/hub/*"}, False),
        ({"Effect": "Deny", "Action": "*", "Resource": "*"}, False),
    ],
)
def test_actions_and_resources(statement: dict[str, Any], allowed: bool) -> None:
    call = JudgedCall("ssm:GetParameter", ("arn:aws:ssm:us-east-1:123456789012:parameter/hub/a",))
    assert is_allowed(statement, call) is allowed


def records(*names: str) -> JudgedCall:
    return JudgedCall(
        "route53:ChangeResourceRecordSets",
        (ZONE,),
        {NAMES.lower(): names, "aws:userid": ("AROA:i-1",), "n": ("5",), "ip": ("127.0.0.1",)},
    )


@pytest.mark.parametrize(
    ("condition", "call", "allowed"),
    [
        ({"ForAllValues:StringEquals": {NAMES: ["a.test", "b.test"]}}, records("a.test"), True),
        ({"ForAllValues:StringEquals": {NAMES: ["a.test", "b.test"]}}, records("b.test", "a.test"), True),
        ({"ForAllValues:StringEquals": {NAMES: ["a.test", "b.test"]}}, records("a.test", "c.test"), False),
        # keys know no case
        ({"ForAllValues:StringEquals": {NAMES.upper(): "a.test"}}, records("a.test"), True),
        ({"ForAllValues:StringEquals": {NAMES: "a.test"}}, records(), True),  # nothing is all of anything
        (
            {"ForAllValues:StringLike": {NAMES: "_acme-challenge.*"}},
            records("_acme-challenge.a", "_acme-challenge.b"),
            True,
        ),
        ({"ForAllValues:StringLike": {NAMES: "_acme-challenge.*"}}, records("_acme-challenge.a", "b"), False),
        ({"ForAllValues:StringNotEquals": {NAMES: "a.test"}}, records("b.test", "c.test"), True),
        ({"ForAllValues:StringNotEquals": {NAMES: "a.test"}}, records("a.test", "c.test"), False),
        ({"ForAnyValue:StringEquals": {NAMES: "a.test"}}, records("a.test", "c.test"), True),
        ({"ForAnyValue:StringEquals": {NAMES: "a.test"}}, records(), False),
        ({"StringEquals": {NAMES: "a.test"}}, records("a.test"), True),
        ({"StringEquals": {NAMES: "a.test"}}, records("a.test", "b.test"), False),
        ({"StringEquals": {"aws:unknown": "x"}}, records(), False),
        ({"StringEqualsIfExists": {"aws:unknown": "x"}}, records(), True),
        ({"StringNotEquals": {"aws:unknown": "x"}}, records(), True),
        ({"StringNotLike": {"aws:userid": "AROA:*"}}, records(), False),
        ({"StringEqualsIgnoreCase": {"aws:userid": "aroa:I-1"}}, records(), True),
        ({"StringLike": {"aws:userid": "*:${aws:userid}"}}, records(), False),
        ({"StringEquals": {"aws:userid": "${aws:userid}"}}, records(), True),
        ({"Null": {"aws:unknown": "true"}}, records(), True),
        ({"Null": {"aws:userid": True}}, records(), False),
        ({"NumericLessThan": {"n": "6"}}, records(), True),
        ({"NumericGreaterThanEquals": {"n": 6}}, records(), False),
        ({"NumericEquals": {"aws:userid": "5"}}, records(), False),
        ({"IpAddress": {"ip": "127.0.0.0/8"}}, records(), True),
        ({"NotIpAddress": {"ip": ["10.0.0.0/8", "127.0.0.0/8"]}}, records(), False),
        # all of them
        ({"StringEquals": {"aws:userid": "AROA:i-1"}, "NumericEquals": {"n": "4"}}, records(), False),
    ],
)
def test_conditions(condition: dict[str, Any], call: JudgedCall, allowed: bool) -> None:
    assert is_allowed(allow("route53:*", ZONE, Condition=condition), call) is allowed


def test_dates() -> None:
    call = JudgedCall("a:b", context={"aws:currenttime": ("2026-11-25T01:00:00Z",)})
    assert is_allowed(
        allow("*", Condition={"DateLessThan": {"aws:CurrentTime": "2026-12-01T00:00:00Z"}}), call
    )
    assert not is_allowed(
        allow("*", Condition={"DateGreaterThan": {"aws:CurrentTime": "2026-12-01T00:00:00Z"}}), call
    )


def test_what_nobody_here_can_judge_is_refused_and_named() -> None:
    decision = decide([policy(allow("*", Condition={"BinaryEquals": {"x": "y"}}))], JudgedCall("a:b"))
    assert (decision.allowed, "BinaryEquals" in decision.reason) == (False, True)


def test_every_resource_of_a_call_has_to_be_allowed() -> None:
    decision = decide([policy(allow("ssm:*", "arn:a"))], JudgedCall("ssm:GetParameters", ("arn:a", "arn:b")))
    assert (decision.allowed, decision.resource) == (False, "arn:b")


def tagged(tags: dict[str, dict[str, str]]) -> JudgedCall:
    """A call on these resources, with the tags of each."""
    return JudgedCall(
        "ec2:AttachVolume",
        tuple(tags),
        of_resource={one: keys_of(found.items()) for one, found in tags.items()},
    )


OURS, OTHERS = {"arn:i": {"Run": "1"}}, {"arn:vol": {"Owner": "eve"}}


@pytest.mark.parametrize(
    ("condition", "call", "allowed"),
    [
        ({"StringEquals": {"aws:ResourceTag/Run": "1"}}, tagged(OURS), True),
        ({"StringEquals": {"ec2:ResourceTag/Run": "1"}}, tagged(OURS), True),
        ({"StringEquals": {"aws:resourcetag/run": "1"}}, tagged(OURS), True),  # keys know no case
        ({"StringEquals": {"aws:ResourceTag/Run": "2"}}, tagged(OURS), False),
        # each resource has to have it
        ({"StringEquals": {"aws:ResourceTag/Run": "1"}}, tagged({**OURS, **OTHERS}), False),
        ({"Null": {"aws:ResourceTag/Run": "false"}}, tagged(OURS), True),
        ({"Null": {"aws:ResourceTag/Run": "false"}}, tagged({**OTHERS, **OURS}), False),
        ({"Null": {"aws:ResourceTag/Run": "false"}}, JudgedCall("ec2:AttachVolume", ("arn:i",)), False),
        ({"StringNotEquals": {"aws:ResourceTag/Owner": "eve"}}, tagged({**OURS, **OTHERS}), False),
        ({"StringNotEquals": {"aws:ResourceTag/Owner": "eve"}}, tagged(OURS), True),
        # which one, nobody says
        ({"StringEquals": {"aws:ResourceTag/Run": "1"}}, tagged({"arn:i": {"Run": "1", "run": "2"}}), False),
    ],
)
def test_tags_of_resources(condition: dict[str, Any], call: JudgedCall, allowed: bool) -> None:
    assert is_allowed(allow("ec2:*", Condition=condition), call) is allowed


def test_a_resources_tag_in_the_name_of_another() -> None:
    statement = allow("ec2:*", "arn:${aws:ResourceTag/Name}")
    assert is_allowed(statement, tagged({"arn:i": {"Name": "i"}}))
    assert not is_allowed(statement, tagged({"arn:i": {"Name": "*"}}))


resource_tags = st.dictionaries(
    st.sampled_from(["arn:a", "arn:b", "arn:c"]),
    st.dictionaries(st.sampled_from("xy"), st.sampled_from("12")),
)


@given(resource_tags.filter(bool))
def test_a_condition_on_a_tag_is_met_when_every_resource_meets_it(tags: dict[str, dict[str, str]]) -> None:
    wanted = allow("ec2:*", Condition={"StringEquals": {"aws:ResourceTag/x": "1"}})
    assert is_allowed(wanted, tagged(tags)) == all(found.get("x") == "1" for found in tags.values())


@given(resource_tags.filter(bool))
def test_a_denied_tag_on_one_resource_is_enough(tags: dict[str, dict[str, str]]) -> None:
    denied = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"Null": {"ec2:ResourceTag/y": "false"}},
    }
    assert decide([policy(allow("*"), denied)], tagged(tags)).allowed == (
        not any("y" in found for found in tags.values())
    )


def test_a_variable_without_a_value_matches_nothing_and_an_escaped_star_itself() -> None:
    assert not matches("arn:${aws:nobody}", "arn:")
    assert matches("arn:${aws:nobody, 'x'}", "arn:x")
    assert matches("a${*}b", "a*b")
    assert not matches("a${*}b", "axb")


actions = st.sampled_from(
    ["ssm:GetParameter", "ssm:*", "route53:Get?hange", "route53:GetChange", "*", "ec2:Describe*"]
)
resources = st.sampled_from(["*", "arn:a", "arn:b", "arn:*"])
statements = st.builds(
    lambda effect, action, resource: {"Effect": effect, "Action": action, "Resource": resource},
    st.sampled_from(["Allow", "Deny"]),
    actions,
    resources,
)
calls = st.builds(
    lambda action, resource: JudgedCall(action, (resource,)),
    st.sampled_from(["ssm:GetParameter", "route53:GetChange", "ec2:DescribeVpcs"]),
    st.sampled_from(["arn:a", "arn:b", "*"]),
)


@given(st.lists(statements), calls)
def test_the_order_and_the_grouping_of_statements_do_not_matter(
    found: list[dict[str, Any]], call: JudgedCall
) -> None:
    assert (
        decide([policy(*found)], call).allowed
        == decide([policy(one) for one in reversed(found)], call).allowed
    )


@given(st.lists(statements), statements, calls)
def test_an_allow_never_takes_away_and_a_deny_never_gives(
    found: list[dict[str, Any]], extra: dict[str, Any], call: JudgedCall
) -> None:
    before, after = decide([policy(*found)], call).allowed, decide([policy(*found, extra)], call).allowed
    assert after >= before if extra["Effect"] == "Allow" else after <= before


@given(st.lists(statements), calls)
def test_nothing_is_allowed_that_no_statement_allows_and_a_deny_of_all_ends_it(
    found: list[dict[str, Any]], call: JudgedCall
) -> None:
    if not any(one["Effect"] == "Allow" for one in found):
        assert not decide([policy(*found)], call).allowed
    assert not decide([policy(*found, {"Effect": "Deny", "Action": "*", "Resource": "*"})], call).allowed


@given(st.text("ab*?.[\n", max_size=8), st.text("ab.[\n", max_size=8))
def test_wildcards_are_those_of_the_shell(pattern: str, text: str) -> None:
    expected = re.fullmatch(fnmatch.translate(pattern.replace("[", "[[]")), text) is not None
    assert matches(pattern, text) is expected
