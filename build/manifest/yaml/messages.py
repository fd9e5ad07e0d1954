"""From pydantic's errors to problems a person can mend: plain words, the right place, "did you mean"."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterable, Mapping
from typing import Annotated, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from build.errors import Problem
from build.manifest.yaml.nodes import (
    KeyPath,
    ListNode,
    Node,
    Scalar,
    describe,
    find,
    mark_of,
    place_of,
    plain,
)

Model = TypeVar("Model", bound=BaseModel)

UNKNOWN_KEY = "unknown key"
SHOULD_BE: Mapping[str, str] = {
    "string_type": "should be text",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "finite_number": "should be a finite number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "tuple_type": "should be a list",
    "dict_type": "should be a mapping (key: value)",
    "mapping_type": "should be a mapping (key: value)",
    "model_type": "should be a mapping (key: value)",
    "model_attributes_type": "should be a mapping (key: value)",
    "greater_than": "should be more than {gt}",
    "greater_than_equal": "should be at least {ge}",
    "less_than": "should be less than {lt}",
    "less_than_equal": "should be at most {le}",
    "literal_error": "should be {expected}",
    "string_too_short": "should not be empty",
    "too_short": "should have at least {min_length} entry",
    "too_long": "should have at most {max_length} entries",
}


def validate(node: Node, model: type[Model]) -> tuple[Model | None, tuple[Problem, ...]]:
    """The tree as an instance of `model`, or None and everything that is wrong with it."""
    try:
        return model.model_validate(plain(node)), ()
    except ValidationError as error:
        found = error.errors(include_url=False)
        return None, tuple(_problem(details, node, model) for details in found if not _is_echo(details, node))


def wrong_paths(node: Node, model: type[BaseModel]) -> list[tuple[KeyPath, bool]]:
    """The path of each mistake, and whether it is that something is missing there."""
    try:
        model.model_validate(plain(node))
    except ValidationError as error:
        return [(_path(each)[0], each["type"] == "missing") for each in error.errors(include_url=False)]
    return []


def _path(details: ErrorDetails) -> tuple[KeyPath, bool]:
    """Where it is, and whether the key itself is meant."""
    path = tuple(details["loc"])
    is_key = bool(path) and path[-1] == "[key]"
    return path[:-1] if is_key else path, is_key


def _is_echo(details: ErrorDetails, node: Node) -> bool:
    """Whether a list is told to be too short because pydantic has not counted the entries that are wrong."""
    found = find(node, tuple(details["loc"]))
    wanted = details.get("ctx", {}).get("min_length", 0)
    return details["type"] == "too_short" and isinstance(found, ListNode) and len(found.items) >= wanted


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` with the nearest of `known`, else `; there is a, b, c`, else nothing."""
    names = [name for name in known if name]
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there is {', '.join(names)}" if names else ""


def _problem(details: ErrorDetails, node: Node, model: type[BaseModel]) -> Problem:
    kind, (path, is_key) = details["type"], _path(details)
    if kind == "extra_forbidden":
        message = f"{UNKNOWN_KEY}{did_you_mean(str(path[-1]), keys_at(model, path[:-1]))}"
        return mark_of(node, path, key=True).problem(path, message)
    if kind == "missing":
        return mark_of(node, path, key=True).problem(path, "is missing")
    found = find(node, path)
    message = _message(details, found, is_key=is_key)
    return (mark_of(node, path, key=True) if is_key else place_of(node, path)).problem(path, message)


def _message(details: ErrorDetails, found: Node | None, *, is_key: bool) -> str:
    context = details.get("ctx", {})
    if details["type"] == "value_error":
        message = str(context["error"])
        return f"{message}, as a key" if is_key else _with_actual(message, found)
    template = SHOULD_BE.get(details["type"])
    if template is None:
        return details["msg"]
    message = template.format_map(context)
    if details["type"] == "string_type" and isinstance(found, Scalar) and found.value is not None:
        return f"{_with_actual(message, found)}: put it in quotes"
    message = _with_actual(message, found)
    if details["type"] == "literal_error" and isinstance(found, Scalar):
        message += _nearest_literal(found.text, str(context["expected"]))
    if "mapping" in message and isinstance(found, Scalar) and _KEY_AND_VALUE.match(found.text):
        message += ": a space is missing after the colon"
    return message


_KEY_AND_VALUE = re.compile(r"[A-Za-z_][\w-]*:[^\s/]")
_OTHER_NAMES: Mapping[str, str] = {"amd64": "x86_64", "x64": "x86_64", "x86-64": "x86_64", "aarch64": "arm64"}
"""Names that others have for the same thing: nearer than what looks alike."""


def _nearest_literal(text: str, expected: str) -> str:
    literals = expected.replace("'", "").replace(" or ", ", ").split(", ")
    meant = _OTHER_NAMES.get(text.lower(), "")
    near = [meant] if meant in literals else difflib.get_close_matches(text, literals, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _with_actual(message: str, found: Node | None) -> str:
    """The complaint and what is there instead, where that says more than the complaint."""
    shows = isinstance(found, Scalar) or (found is not None and message in SHOULD_BE.values())
    return (
        f"{message}, is {describe(found)}"
        if shows and found is not None and message.startswith("should")
        else message
    )


def keys_at(model: type[BaseModel], path: KeyPath) -> tuple[str, ...]:
    """The keys the schema knows at `path`, in the order of the schema; () where it knows none."""
    here = annotation_at(model, path)
    if isinstance(here, type) and issubclass(here, BaseModel):
        return tuple(field.alias or name for name, field in here.model_fields.items())
    return ()


def annotation_at(model: object, path: KeyPath) -> object:
    """The type the schema has at `path` (without None and constraints); None where the schema has none."""
    here = _bare(model)
    for part in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(str(part))
            here = _bare(field.annotation) if field else None
        else:
            here = (
                _bare(get_args(here)[-1 if get_origin(here) is not tuple else 0]) if get_args(here) else None
            )
    return here


def _bare(annotation: object) -> object:
    while get_origin(annotation) in (Annotated, Union, types.UnionType):
        arguments = [argument for argument in get_args(annotation) if argument is not type(None)]
        annotation = arguments[0]
    return annotation
