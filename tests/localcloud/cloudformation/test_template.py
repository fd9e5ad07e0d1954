"""Templates: order, functions, and what is wrong with them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.cloudformation.template import TemplateError, parse, resolved


def scope(name: str, attribute: str) -> str:
    return f"<{name} {attribute}>"


@pytest.mark.parametrize(
    ("value", "worked_out"),
    [
        ({"Ref": "A"}, "<A >"),
        ({"Fn::GetAtt": ["A", "Arn"]}, "<A Arn>"),
        ({"Fn::GetAtt": "A.Arn"}, "<A Arn>"),
        ({"Fn::Sub": "x:${A}:${A.Arn}:${!A}"}, "x:<A >:<A Arn>:${A}"),
        ({"Fn::Join": ["-", ["x", {"Ref": "A"}]]}, "x-<A >"),
        ({"a": [{"Ref": "A"}, 1, True], "b": "c"}, {"a": ["<A >", 1, True], "b": "c"}),
        ({"Ref": "A", "more": 1}, {"Ref": "A", "more": 1}),  # no function: it has a neighbour
    ],
)
def test_functions(value: Any, worked_out: Any) -> None:
    assert resolved(value, scope) == worked_out


def test_short_forms_and_dates_that_are_none() -> None:
    read = parse(
        """
        Resources:
          A: {Type: T}
          B:
            Type: T
            Properties: {x: !GetAtt A.Arn, y: !Sub "${A}", z: !Ref A, Version: 2012-10-17}
        """
    )
    properties = read.resources["B"].properties
    assert resolved(properties, scope) == {"x": "<A Arn>", "y": "<A >", "z": "<A >", "Version": "2012-10-17"}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "At least one Resources member"),
        ({"Resources": {"A": {}}}, r"\[/Resources/A\] Every Resources object must contain a Type"),
        ({"Resources": {"A": {"Type": "T"}}, "Conditions": {}}, "does not know the section Conditions"),
        (
            {"Resources": {"A": {"Type": "T", "DeletionPolicy": "Retain"}}},
            "does not know DeletionPolicy of the resource A",
        ),
        (
            {"Resources": {"A": {"Type": "T", "Properties": {"x": {"Ref": "B"}}}}},
            r"Unresolved resource dependencies \['B'\]",
        ),
        (
            {"Resources": {"A": {"Type": "T"}}, "Outputs": {"O": {"Value": {"Ref": "B"}}}},
            r"dependencies \['B'\] in the Outputs",
        ),
        (
            {"Resources": {"A": {"Type": "T", "Properties": {"x": {"Ref": "A"}}}}},
            r"Circular dependency between resources: \['A'\]",
        ),
    ],
)
def test_what_is_wrong_is_said(document: dict[str, Any], words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        parse(json.dumps(document))


def test_a_function_nobody_here_knows_is_refused() -> None:
    with pytest.raises(TemplateError, match="does not know Fn::Select"):
        resolved({"Fn::Select": [0, ["a"]]}, scope)


NAMES = [f"R{number}" for number in range(6)]
FORMS = st.sampled_from(
    [
        lambda name: {"Ref": name},
        lambda name: {"Fn::GetAtt": [name, "Arn"]},
        lambda name: {"Fn::Sub": f"x${{{name}.Arn}}"},
    ]
)


@given(st.data())
def test_whatever_is_needed_comes_before_what_needs_it(data: st.DataObject) -> None:
    resources, needs = {}, {}
    for place, name in enumerate(NAMES):
        needed = data.draw(st.sets(st.sampled_from(NAMES[:place])) if place else st.just(set()))
        resources[name] = {
            "Type": "T",
            "Properties": {"x": [data.draw(FORMS)(one) for one in sorted(needed)]},
        }
        needs[name] = needed
    shuffled = {name: resources[name] for name in data.draw(st.permutations(NAMES))}
    order = list(parse(json.dumps({"Resources": shuffled})).resources)
    assert sorted(order) == NAMES
    assert all(order.index(one) < order.index(name) for name, needed in needs.items() for one in needed)
