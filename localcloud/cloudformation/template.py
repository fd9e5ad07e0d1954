"""A template: its resources, what each of them needs, and its functions worked out.

After https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html. What is not known
here is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

import yaml

LIMIT_BYTES = 51_200  # of a template that is sent in the call
_SECTIONS = {"AWSTemplateFormatVersion", "Description", "Metadata", "Outputs", "Resources"}
_ATTRIBUTES = {"Type", "Properties", "DependsOn", "Metadata"}
_VARIABLE = re.compile(r"\$\{(?P<literal>!)?(?P<name>[^}]+)\}")

Value = Any
"""Whatever YAML can hold."""
Scope = Callable[[str, str], str]
"""(logical id or AWS::…, attribute or empty for Ref) -> its value.

Raises TemplateError for what there is not.
"""


class TemplateError(Exception):
    """What is wrong with it, in a sentence."""


@dataclass(frozen=True)
class Wanted:
    """A resource of a template."""

    type: str
    properties: Mapping[str, Value] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()

    @property
    def needs(self) -> set[str]:
        """The logical ids it mentions."""
        return {*self.depends_on, *_mentioned(self.properties)}


@dataclass(frozen=True)
class Template:
    """Resources in the order in which they can be made, and outputs."""

    resources: Mapping[str, Wanted]
    outputs: Mapping[str, Value]
    description: str = ""

    @property
    def capabilities(self) -> list[str]:
        """What the caller has to acknowledge."""
        iam = [wanted for wanted in self.resources.values() if wanted.type.startswith("AWS::IAM::")]
        named = any(
            key in wanted.properties for wanted in iam for key in ("RoleName", "UserName", "GroupName")
        )
        return ["CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"] if iam else []


def parse(text: str) -> Template:
    """Read YAML or JSON. Raises TemplateError."""
    try:
        document = yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader that knows !Ref and its like
    except yaml.YAMLError as problem:
        raise TemplateError(f"Template format error: {problem}") from problem
    if (
        not isinstance(document, dict)
        or not isinstance(document.get("Resources"), dict)
        or not document["Resources"]
    ):
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    if unknown := sorted(set(document) - _SECTIONS):
        raise TemplateError(
            f"The local cloud's CloudFormation does not know the section {', '.join(unknown)}"
        )
    resources = {name: _wanted(name, one) for name, one in document["Resources"].items()}
    outputs = {name: one.get("Value") for name, one in (document.get("Outputs") or {}).items()}
    if unresolved := sorted(set(_mentioned(list(outputs.values()))) - set(resources)):
        raise TemplateError(
            f"Template format error: Unresolved resource dependencies {unresolved} in the Outputs block of "
            "the template"
        )
    return Template(_ordered(resources), outputs, document.get("Description", ""))


def _wanted(name: str, one: Value) -> Wanted:
    if not isinstance(one, dict) or not isinstance(one.get("Type"), str):
        raise TemplateError(
            f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
        )
    if unknown := sorted(set(one) - _ATTRIBUTES):
        raise TemplateError(
            f"The local cloud's CloudFormation does not know {', '.join(unknown)} of the resource {name}"
        )
    needed = one.get("DependsOn") or ()
    return Wanted(
        one["Type"], one.get("Properties") or {}, (needed,) if isinstance(needed, str) else tuple(needed)
    )


def _ordered(resources: Mapping[str, Wanted]) -> dict[str, Wanted]:
    for name, wanted in resources.items():
        if unknown := sorted(wanted.needs - set(resources)):
            raise TemplateError(
                f"Template format error: Unresolved resource dependencies {unknown} in the resource {name}"
            )
    try:
        order = list(
            TopologicalSorter(
                {name: sorted(wanted.needs) for name, wanted in resources.items()}
            ).static_order()
        )
    except CycleError as cycle:
        raise TemplateError(f"Circular dependency between resources: {sorted(set(cycle.args[1]))}") from cycle
    return {name: resources[name] for name in order}


def resolved(value: Value, scope: Scope) -> Value:
    """The value with its functions worked out. Raises TemplateError."""
    if isinstance(value, list):
        return [resolved(one, scope) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (name, argument), *_ = value.items()
        if name == "Ref":
            return scope(argument, "")
        if name == "Fn::GetAtt":
            return scope(*_attribute(argument))
        if name == "Fn::Sub":
            return _substituted(argument, scope)
        if name == "Fn::Join":
            return str(argument[0]).join(str(one) for one in resolved(argument[1], scope))
        if name.startswith("Fn::"):
            raise TemplateError(f"The local cloud's CloudFormation does not know {name}")
    return {name: resolved(one, scope) for name, one in value.items()}


def _substituted(text: Value, scope: Scope) -> str:
    if not isinstance(text, str):
        raise TemplateError("The local cloud's CloudFormation knows Fn::Sub with a text only")
    return _VARIABLE.sub(
        lambda found: f"${{{found['name']}}}" if found["literal"] else scope(*_attribute(found["name"])), text
    )


def _attribute(argument: Value) -> tuple[str, str]:
    """["Role", "Arn"] or "Role.Arn" -> the two; a name alone has no attribute."""
    name, _, attribute = (
        argument.partition(".") if isinstance(argument, str) else (argument[0], "", argument[1])
    )
    return str(name), str(attribute)


def _mentioned(value: Value) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _mentioned(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name in ("Ref", "Fn::GetAtt"):
                found = [_attribute(one)[0]]
            elif name == "Fn::Sub" and isinstance(one, str):
                found = [
                    _attribute(each["name"])[0] for each in _VARIABLE.finditer(one) if not each["literal"]
                ]
            else:
                yield from _mentioned(one)
                continue
            yield from (each for each in found if not each.startswith("AWS::"))


class _Loader(yaml.SafeLoader):
    """!Ref x is {"Ref": x}, !Sub x is {"Fn::Sub": x}, and so on."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Value]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)} if isinstance(node, yaml.MappingNode) else {}


_Loader.add_multi_constructor("!", _short_form)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}  # "2012-10-17" is a text
